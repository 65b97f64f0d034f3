from pathlib import Path

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('billing', '0007_catalogue'),
        ('ledger', '0007_test_clocks'),
    ]

    operations = [
        migrations.AddField(
            model_name='subscription',
            name='postings',
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='contract',
            name='postings',
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='contract',
            name='settled_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='charge',
            name='earned_until',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddIndex(
            model_name='charge',
            index=models.Index(fields=['subscription', 'ends_at'], name='billing_charge_running'),
        ),
        # The .sql beside this file is frozen with it: change it by a new migration.
        migrations.RunSQL(
            sql=Path(__file__).with_suffix(".sql").read_text(),
            reverse_sql="DROP TRIGGER bump_catalogue_by_clock ON ledger_testclock;",
        ),
    ]
