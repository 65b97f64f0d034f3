from pathlib import Path

import django.db.models.deletion
from django.db import migrations, models


REVERSE = """
    REVOKE UPDATE (scheduled_at) ON billing_charge FROM meterbook_app;
    REVOKE UPDATE (late_usage) ON billing_meter FROM meterbook_app;
    DROP TRIGGER reopening_recorded ON ledger_period;
    DROP FUNCTION billing_check_reopened();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('billing', '0012_taxes'),
        ('ledger', '0007_test_clocks'),
    ]

    operations = [
        migrations.CreateModel(
            name='Closing',
            fields=[
                ('period', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='closing', serialize=False, to='ledger.period')),
                ('started_at', models.DateTimeField()),
                ('started_by', models.CharField(max_length=200)),
                ('closed_at', models.DateTimeField(blank=True, null=True)),
                ('closed_by', models.CharField(blank=True, default='', max_length=200)),
            ],
            options={
                'ordering': ['-period'],
            },
        ),
        migrations.CreateModel(
            name='ClosingCheck',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('key', models.CharField(max_length=50)),
                ('state', models.CharField(choices=[('ok', 'Ok'), ('listed', 'Listed'), ('blocks', 'Blocks'), ('waived', 'Waived')], max_length=10)),
                ('found', models.JSONField(default=list)),
                ('checked_at', models.DateTimeField()),
                ('waived_by', models.CharField(blank=True, default='', max_length=200)),
                ('reason', models.TextField(blank=True, default='')),
            ],
            options={
                'ordering': ['id'],
                'permissions': [('waive_closingcheck', 'Can answer for what a closing check found')],
            },
        ),
        migrations.CreateModel(
            name='LateUsage',
            fields=[
                ('accrual', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='late_usage', serialize=False, to='billing.accrual')),
                ('earliest_at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='Reopening',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('reopened_at', models.DateTimeField()),
                ('reopened_by', models.CharField(max_length=200)),
                ('reason', models.TextField()),
            ],
            options={
                'ordering': ['-id'],
                'permissions': [('reopen_period', 'Can reopen a closed period')],
            },
        ),
        migrations.RemoveConstraint(
            model_name='charge',
            name='billing_charge_of_something',
        ),
        migrations.AddField(
            model_name='charge',
            name='accrual',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='adjustments', to='billing.accrual'),
        ),
        migrations.AddField(
            model_name='charge',
            name='cause',
            field=models.TextField(blank=True, db_default='', default=''),
        ),
        migrations.AddField(
            model_name='charge',
            name='product',
            field=models.CharField(blank=True, db_default='', default='', max_length=200),
        ),
        migrations.AddField(
            model_name='charge',
            name='quantity',
            field=models.DecimalField(blank=True, decimal_places=12, max_digits=38, null=True),
        ),
        migrations.AddField(
            model_name='charge',
            name='reason',
            field=models.TextField(blank=True, db_default='', default=''),
        ),
        migrations.AddField(
            model_name='charge',
            name='scheduled_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='charge',
            name='tax_code',
            field=models.CharField(blank=True, db_default='', default='', max_length=100),
        ),
        migrations.AddField(
            model_name='charge',
            name='terms',
            field=models.JSONField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='charge',
            name='unit_price',
            field=models.DecimalField(blank=True, decimal_places=12, max_digits=38, null=True),
        ),
        migrations.AddField(
            model_name='contract',
            name='rebates',
            field=models.JSONField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='contract',
            name='shortfall',
            field=models.CharField(choices=[('charge', 'Charge'), ('roll_over', 'Roll Over')], db_default='charge', default='charge', max_length=10),
        ),
        migrations.AddField(
            model_name='meter',
            name='late_usage',
            field=models.CharField(choices=[('rerate', 'Rerate'), ('next_period', 'Next Period')], db_default='rerate', default='rerate', max_length=11),
        ),
        migrations.AlterField(
            model_name='charge',
            name='kind',
            field=models.CharField(choices=[('flat', 'Flat'), ('tier', 'Tier'), ('minimum', 'Minimum'), ('coupon', 'Coupon'), ('true_up', 'True Up'), ('overage', 'Overage'), ('one_off', 'One Off'), ('adjustment', 'Adjustment'), ('rebate', 'Rebate')], max_length=10),
        ),
        migrations.AddIndex(
            model_name='charge',
            index=models.Index(condition=models.Q(('scheduled_at__isnull', False)), fields=['customer', 'scheduled_at'], name='billing_charge_waiting'),
        ),
        migrations.AddIndex(
            model_name='charge',
            index=models.Index(condition=models.Q(('accrual__isnull', False)), fields=['accrual'], name='billing_charge_accrual'),
        ),
        migrations.AddConstraint(
            model_name='charge',
            constraint=models.CheckConstraint(condition=models.Q(('subscription__isnull', False), ('contract__isnull', False), ('kind__in', ['one_off', 'adjustment']), _connector='OR'), name='billing_charge_of_something'),
        ),
        migrations.AddConstraint(
            model_name='charge',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('kind', 'one_off'), _negated=True), models.Q(('quantity__gt', 0), ('quantity__isnull', False), ('unit_price__gte', 0), ('unit_price__isnull', False)), _connector='OR'), name='billing_charge_one_off'),
        ),
        migrations.AddConstraint(
            model_name='charge',
            constraint=models.CheckConstraint(condition=models.Q(('accrual', None), ('kind', 'adjustment'), _connector='OR'), name='billing_charge_adjusts'),
        ),
        migrations.AddConstraint(
            model_name='contract',
            constraint=models.CheckConstraint(condition=models.Q(('shortfall__in', ['charge', 'roll_over'])), name='billing_contract_shortfall'),
        ),
        migrations.AddConstraint(
            model_name='meter',
            constraint=models.CheckConstraint(condition=models.Q(('late_usage__in', ['rerate', 'next_period'])), name='billing_meter_late_usage'),
        ),
        migrations.AddField(
            model_name='closingcheck',
            name='closing',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='checks', to='billing.closing'),
        ),
        migrations.AddField(
            model_name='reopening',
            name='period',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='reopenings', to='ledger.period'),
        ),
        migrations.AddConstraint(
            model_name='closingcheck',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'waived'), models.Q(('waived_by', ''), _negated=True), models.Q(('reason', ''), _negated=True)), models.Q(models.Q(('state', 'waived'), _negated=True), ('reason', ''), ('waived_by', '')), _connector='OR'), name='billing_closingcheck_waived_by_somebody'),
        ),
        migrations.AddConstraint(
            model_name='reopening',
            constraint=models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='billing_reopening_has_reason'),
        ),
        # The .sql beside this file is frozen with it: change it by a new migration.
        migrations.RunSQL(sql=Path(__file__).with_suffix(".sql").read_text(), reverse_sql=REVERSE),
    ]
