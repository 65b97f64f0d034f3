from pathlib import Path

from django.db import migrations, models

_TOTAL = {"max_digits": 60, "decimal_places": 12}


class Migration(migrations.Migration):
    dependencies = [("ledger", "0005_definitions")]
    operations = [
        migrations.RunSQL(
            # The .sql beside this file is frozen with it: change it by a new migration.
            sql=Path(__file__).with_suffix(".sql").read_text(),
            reverse_sql=migrations.RunSQL.noop,  # a wider total holds whatever a narrower one did
            state_operations=[
                migrations.AlterField("balance", "debits", models.DecimalField(default=0, **_TOTAL)),
                migrations.AlterField("balance", "credits", models.DecimalField(default=0, **_TOTAL)),
                migrations.AlterField("bucket", "debits", models.DecimalField(**_TOTAL)),
                migrations.AlterField("bucket", "credits", models.DecimalField(**_TOTAL)),
            ],
        ),
    ]
