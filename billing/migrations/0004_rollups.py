from pathlib import Path

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("billing", "0003_catalogue_version"), ("ledger", "0002_journal")]

    operations = [
        migrations.RemoveConstraint(model_name="usagerollup", name="billing_rollup_one"),
        migrations.AddField(
            model_name="usagerollup",
            name="counted",
            field=models.TextField(default=""),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="usagerollup",
            name="series",
            field=models.UUIDField(default="00000000-0000-0000-0000-000000000000"),
            preserve_default=False,
        ),
        migrations.AlterField(
            model_name="usagerollup",
            name="total",
            field=models.DecimalField(decimal_places=12, max_digits=60),
        ),
        migrations.AddConstraint(
            model_name="usagerollup",
            constraint=models.UniqueConstraint(
                fields=["meter", "customer", "starts_at", "series"], name="billing_rollup_one"
            ),
        ),
        migrations.AddIndex(
            model_name="usagerollup",
            index=models.Index(fields=["meter", "starts_at"], name="billing_rollup_time"),
        ),
        # The .sql beside this file is frozen with it: change it by a new migration.
        migrations.RunSQL(
            sql=Path(__file__).with_suffix(".sql").read_text(),
            reverse_sql="""
                DROP FUNCTION billing_number(jsonb);
                DROP FUNCTION billing_label(jsonb);
                DROP FUNCTION billing_quarter(timestamptz);
            """,
        ),
    ]
