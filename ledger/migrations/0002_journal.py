from pathlib import Path

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('ledger', '0001_initial'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                # The .sql beside this file is frozen with it: change it by a new migration.
                migrations.RunSQL(sql=Path(__file__).with_suffix(".sql").read_text()),
            ],
            state_operations=[
                migrations.CreateModel(
                    name='Delta',
                    fields=[
                        ('pk', models.CompositePrimaryKey('account_id', 'transaction_id', 'effective_date', blank=True, editable=False, primary_key=True, serialize=False)),
                        ('transaction_id', models.BigIntegerField()),
                        ('account_id', models.BigIntegerField()),
                        ('effective_date', models.DateField()),
                        ('debits', models.DecimalField(decimal_places=12, max_digits=38)),
                        ('credits', models.DecimalField(decimal_places=12, max_digits=38)),
                        ('entries', models.IntegerField()),
                    ],
                ),
                migrations.CreateModel(
                    name='Transaction',
                    fields=[
                        ('id', models.BigIntegerField(primary_key=True, serialize=False)),
                        ('kind', models.TextField()),
                        ('key', models.TextField()),
                        ('fingerprint', models.BinaryField()),
                        ('effective_at', models.DateTimeField()),
                        ('posted_at', models.GeneratedField(db_persist=True, expression=models.Func(models.F('id'), function='ledger_instant_of'), output_field=models.DateTimeField())),
                        ('cause', models.TextField(blank=True, default='')),
                        ('memo', models.TextField(blank=True, default='')),
                        ('metadata', models.JSONField(blank=True, default=dict)),
                        ('evidence', models.BinaryField(blank=True, null=True)),
                        ('book', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.book')),
                        ('period', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.period')),
                        ('reverses', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='reversed_by', to='ledger.transaction')),
                    ],
                    options={
                        'ordering': ['-id'],
                    },
                ),
                migrations.CreateModel(
                    name='Receipt',
                    fields=[
                        ('transaction', models.OneToOneField(on_delete=django.db.models.deletion.DO_NOTHING, primary_key=True, related_name='receipt', serialize=False, to='ledger.transaction')),
                        ('entries', models.IntegerField()),
                        ('digest', models.BinaryField()),
                    ],
                ),
                migrations.CreateModel(
                    name='Entry',
                    fields=[
                        ('id', models.BigIntegerField(primary_key=True, serialize=False)),
                        ('amount', models.DecimalField(decimal_places=12, max_digits=38)),
                        ('effective_at', models.DateTimeField()),
                        ('source_id', models.BigIntegerField(blank=True, null=True)),
                        ('credit_account', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='ledger.account')),
                        ('debit_account', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='ledger.account')),
                        ('transaction', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='ledger.transaction')),
                    ],
                    options={
                        'verbose_name_plural': 'entries',
                        'ordering': ['-id'],
                    },
                ),
                migrations.AddConstraint(
                    model_name='transaction',
                    constraint=models.UniqueConstraint(fields=('book', 'key'), name='ledger_transaction_key'),
                ),
            ],
        ),
    ]
