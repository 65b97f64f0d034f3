from pathlib import Path

import django.db.models.deletion
from django.contrib.postgres.fields import ArrayField
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("billing", "0001_initial"), ("ledger", "0002_journal")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                # The .sql beside this file is frozen with it: change it by a new migration.
                migrations.RunSQL(sql=Path(__file__).with_suffix(".sql").read_text()),
            ],
            state_operations=[
                migrations.CreateModel(
                    name='UsageEvent',
                    fields=[
                        ('id', models.BigIntegerField(primary_key=True, serialize=False)),
                        ('source', models.TextField()),
                        ('external_id', models.TextField()),
                        ('type', models.TextField()),
                        ('subject', models.TextField()),
                        ('occurred_at', models.DateTimeField()),
                        ('received_at', models.DateTimeField()),
                        ('data', models.JSONField()),
                        ('accrual_ids', ArrayField(base_field=models.BigIntegerField(), default=list)),
                        ('book', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='ledger.book')),
                        ('customer', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='ledger.customer')),
                    ],
                    options={
                        'ordering': ['-id'],
                    },
                ),
            ],
        ),
    ]
