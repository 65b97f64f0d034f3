from pathlib import Path

import django.contrib.postgres.fields
import django.db.models.constraints
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('billing', '0006_definitions'),
        ('ledger', '0007_test_clocks'),
    ]

    operations = [
        migrations.CreateModel(
            name='Addon',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('key', models.SlugField(max_length=100)),
                ('created_at', models.DateTimeField()),
            ],
            options={
                'ordering': ['key'],
            },
        ),
        migrations.CreateModel(
            name='AddonVersion',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('version', models.PositiveIntegerField()),
                ('name', models.CharField(max_length=256)),
                ('description', models.CharField(blank=True, default='', max_length=1024)),
                ('metadata', models.JSONField(blank=True, default=dict)),
                ('created_at', models.DateTimeField()),
                ('updated_at', models.DateTimeField()),
                ('effective_from', models.DateTimeField(blank=True, null=True)),
                ('effective_to', models.DateTimeField(blank=True, null=True)),
                ('instance_type', models.CharField(choices=[('single', 'Single'), ('multiple', 'Multiple')], max_length=10)),
            ],
            options={
                'ordering': ['addon', 'version'],
            },
        ),
        migrations.CreateModel(
            name='Charge',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('key', models.CharField(max_length=255)),
                ('kind', models.CharField(choices=[('flat', 'Flat'), ('tier', 'Tier'), ('minimum', 'Minimum'), ('coupon', 'Coupon'), ('true_up', 'True Up'), ('overage', 'Overage')], max_length=10)),
                ('name', models.CharField(max_length=512)),
                ('starts_at', models.DateTimeField()),
                ('ends_at', models.DateTimeField()),
                ('due_at', models.DateTimeField()),
                ('posted', models.DecimalField(decimal_places=12, default=0, max_digits=38)),
                ('earned', models.DecimalField(decimal_places=12, default=0, max_digits=38)),
                ('taken', models.TextField(blank=True, default='')),
                ('updated_at', models.DateTimeField()),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='ChargeChange',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('amount', models.DecimalField(decimal_places=12, max_digits=38)),
                ('reason', models.CharField(max_length=20)),
                ('explanation', models.JSONField(default=dict)),
                ('transaction_id', models.BigIntegerField()),
                ('effective_at', models.DateTimeField()),
                ('recorded_at', models.DateTimeField()),
            ],
            options={
                'ordering': ['id'],
            },
        ),
        migrations.CreateModel(
            name='Contract',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('key', models.CharField(max_length=255)),
                ('name', models.CharField(blank=True, default='', max_length=256)),
                ('feature_keys', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=200), blank=True, default=list, size=None)),
                ('starts_at', models.DateTimeField()),
                ('ends_at', models.DateTimeField()),
                ('ramp', models.CharField(max_length=40)),
                ('time_zone', models.CharField(max_length=64)),
                ('amounts', django.contrib.postgres.fields.ArrayField(base_field=models.DecimalField(decimal_places=12, max_digits=38), size=None)),
                ('overage_multiplier', models.DecimalField(blank=True, decimal_places=6, max_digits=20, null=True)),
                ('due_at', models.DateTimeField(blank=True, null=True)),
                ('cause', models.TextField(blank=True, default='')),
                ('created_at', models.DateTimeField()),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='CostPrice',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('provider', models.CharField(max_length=100)),
                ('provider_name', models.CharField(blank=True, default='', max_length=200)),
                ('model', models.CharField(max_length=200)),
                ('model_name', models.CharField(blank=True, default='', max_length=256)),
                ('currency', models.CharField(default='USD', max_length=3)),
                ('input_per_token', models.DecimalField(blank=True, decimal_places=18, max_digits=38, null=True)),
                ('output_per_token', models.DecimalField(blank=True, decimal_places=18, max_digits=38, null=True)),
                ('cache_read_per_token', models.DecimalField(blank=True, decimal_places=18, max_digits=38, null=True)),
                ('cache_write_per_token', models.DecimalField(blank=True, decimal_places=18, max_digits=38, null=True)),
                ('reasoning_per_token', models.DecimalField(blank=True, decimal_places=18, max_digits=38, null=True)),
                ('source', models.CharField(choices=[('system', 'System'), ('manual', 'Manual')], max_length=10)),
                ('release', models.CharField(blank=True, default='', max_length=100)),
                ('note', models.TextField(blank=True, default='')),
                ('effective_from', models.DateTimeField()),
                ('effective_to', models.DateTimeField(blank=True, null=True)),
                ('created_at', models.DateTimeField()),
                ('removed_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ['provider', 'model', 'effective_from'],
            },
        ),
        migrations.CreateModel(
            name='Coupon',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('key', models.SlugField(max_length=100)),
                ('name', models.CharField(max_length=256)),
                ('kind', models.CharField(choices=[('percentage', 'Percentage'), ('amount', 'Amount')], max_length=10)),
                ('percentage', models.DecimalField(blank=True, decimal_places=6, max_digits=9, null=True)),
                ('amount', models.DecimalField(blank=True, decimal_places=12, max_digits=38, null=True)),
                ('duration', models.CharField(choices=[('once', 'Once'), ('periods', 'Periods'), ('forever', 'Forever')], max_length=10)),
                ('periods', models.PositiveIntegerField(blank=True, null=True)),
                ('feature_keys', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=200), blank=True, default=list, size=None)),
                ('max_redemptions', models.PositiveIntegerField(blank=True, null=True)),
                ('max_redemptions_per_customer', models.PositiveIntegerField(blank=True, default=1, null=True)),
                ('expires_at', models.DateTimeField(blank=True, null=True)),
                ('metadata', models.JSONField(blank=True, default=dict)),
                ('created_at', models.DateTimeField()),
                ('archived_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ['key'],
            },
        ),
        migrations.CreateModel(
            name='CouponRedemption',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('key', models.CharField(max_length=255)),
                ('redeemed_at', models.DateTimeField()),
                ('removed_at', models.DateTimeField(blank=True, null=True)),
                ('cause', models.TextField(blank=True, default='')),
            ],
            options={
                'ordering': ['id'],
            },
        ),
        migrations.CreateModel(
            name='Feature',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('key', models.SlugField(max_length=100)),
                ('name', models.CharField(max_length=256)),
                ('description', models.CharField(blank=True, default='', max_length=1024)),
                ('filters', models.JSONField(blank=True, default=dict)),
                ('unit_cost', models.JSONField(blank=True, null=True)),
                ('metadata', models.JSONField(blank=True, default=dict)),
                ('created_at', models.DateTimeField()),
                ('archived_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ['key'],
            },
        ),
        migrations.CreateModel(
            name='Plan',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('key', models.SlugField(max_length=100)),
                ('created_at', models.DateTimeField()),
            ],
            options={
                'ordering': ['key'],
            },
        ),
        migrations.CreateModel(
            name='PlanAddon',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=256)),
                ('description', models.CharField(blank=True, default='', max_length=1024)),
                ('from_plan_phase', models.SlugField(max_length=100)),
                ('max_quantity', models.PositiveIntegerField(blank=True, null=True)),
                ('metadata', models.JSONField(blank=True, default=dict)),
                ('created_at', models.DateTimeField()),
            ],
            options={
                'ordering': ['id'],
            },
        ),
        migrations.CreateModel(
            name='PlanPhase',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('position', models.PositiveSmallIntegerField()),
                ('key', models.SlugField(max_length=100)),
                ('name', models.CharField(max_length=256)),
                ('description', models.CharField(blank=True, default='', max_length=1024)),
                ('duration', models.CharField(blank=True, default='', max_length=40)),
                ('metadata', models.JSONField(blank=True, default=dict)),
            ],
            options={
                'ordering': ['plan_version', 'position'],
            },
        ),
        migrations.CreateModel(
            name='PlanRateCard',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('position', models.PositiveSmallIntegerField()),
                ('key', models.SlugField(max_length=100)),
                ('name', models.CharField(max_length=256)),
                ('description', models.CharField(blank=True, default='', max_length=1024)),
                ('billing_cadence', models.CharField(blank=True, default='', max_length=40)),
                ('payment_term', models.CharField(choices=[('in_advance', 'In Advance'), ('in_arrears', 'In Arrears')], default='in_arrears', max_length=10)),
                ('price', models.JSONField()),
                ('unit_config', models.JSONField(blank=True, null=True)),
                ('discounts', models.JSONField(blank=True, null=True)),
                ('commitments', models.JSONField(blank=True, null=True)),
                ('entitlement', models.JSONField(blank=True, null=True)),
                ('tax_config', models.JSONField(blank=True, null=True)),
                ('metadata', models.JSONField(blank=True, default=dict)),
            ],
            options={
                'ordering': ['phase', 'addon_version', 'position'],
            },
        ),
        migrations.CreateModel(
            name='PlanVersion',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('version', models.PositiveIntegerField()),
                ('name', models.CharField(max_length=256)),
                ('description', models.CharField(blank=True, default='', max_length=1024)),
                ('metadata', models.JSONField(blank=True, default=dict)),
                ('created_at', models.DateTimeField()),
                ('updated_at', models.DateTimeField()),
                ('effective_from', models.DateTimeField(blank=True, null=True)),
                ('effective_to', models.DateTimeField(blank=True, null=True)),
                ('billing_cadence', models.CharField(max_length=40)),
                ('settlement_mode', models.CharField(choices=[('credit_then_invoice', 'Credit Then Invoice'), ('credit_only', 'Credit Only')], default='credit_then_invoice', max_length=20)),
                ('is_prorated', models.BooleanField(default=True)),
            ],
            options={
                'ordering': ['plan', 'version'],
            },
        ),
        migrations.CreateModel(
            name='Subscription',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('key', models.CharField(max_length=255)),
                ('name', models.CharField(blank=True, default='', max_length=256)),
                ('billing_anchor', models.DateTimeField()),
                ('billing_cadence', models.CharField(max_length=40)),
                ('time_zone', models.CharField(max_length=64)),
                ('settlement_mode', models.CharField(choices=[('credit_then_invoice', 'Credit Then Invoice'), ('credit_only', 'Credit Only')], max_length=20)),
                ('proration', models.CharField(choices=[('none', 'None'), ('on_change', 'On Change'), ('on_start_and_end', 'On Start And End'), ('always', 'Always')], default='always', max_length=20)),
                ('starts_at', models.DateTimeField()),
                ('ends_at', models.DateTimeField(blank=True, null=True)),
                ('due_at', models.DateTimeField(blank=True, null=True)),
                ('metadata', models.JSONField(blank=True, default=dict)),
                ('created_at', models.DateTimeField()),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='SubscriptionAddon',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('metadata', models.JSONField(blank=True, default=dict)),
                ('created_at', models.DateTimeField()),
            ],
            options={
                'ordering': ['id'],
            },
        ),
        migrations.CreateModel(
            name='SubscriptionEvent',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('sequence', models.PositiveIntegerField()),
                ('key', models.CharField(max_length=255)),
                ('kind', models.CharField(max_length=40)),
                ('effective_at', models.DateTimeField()),
                ('recorded_at', models.DateTimeField()),
                ('cause', models.TextField(blank=True, default='')),
                ('reason', models.TextField(blank=True, default='')),
                ('content', models.JSONField(default=dict)),
            ],
            options={
                'ordering': ['subscription', 'sequence'],
            },
        ),
        migrations.CreateModel(
            name='SubscriptionItem',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('key', models.CharField(max_length=255)),
                ('name', models.CharField(max_length=256)),
                ('phase_key', models.CharField(max_length=100)),
                ('origin', models.CharField(choices=[('plan', 'Plan'), ('override', 'Override'), ('addon', 'Addon'), ('custom', 'Custom')], max_length=10)),
                ('billing_cadence', models.CharField(blank=True, default='', max_length=40)),
                ('payment_term', models.CharField(choices=[('in_advance', 'In Advance'), ('in_arrears', 'In Arrears')], max_length=10)),
                ('quantity', models.PositiveIntegerField(default=1)),
                ('terms', models.JSONField()),
                ('entitlement', models.JSONField(blank=True, null=True)),
                ('tax_config', models.JSONField(blank=True, null=True)),
                ('starts_at', models.DateTimeField()),
                ('ends_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ['subscription', 'starts_at', 'key'],
            },
        ),
        migrations.CreateModel(
            name='TaxCode',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('key', models.SlugField(max_length=100)),
                ('name', models.CharField(max_length=256)),
                ('description', models.CharField(blank=True, default='', max_length=1024)),
                ('metadata', models.JSONField(blank=True, default=dict)),
                ('created_at', models.DateTimeField()),
            ],
            options={
                'ordering': ['key'],
            },
        ),
        migrations.CreateModel(
            name='UnknownModel',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('provider', models.CharField(max_length=200)),
                ('model', models.CharField(max_length=400)),
                ('token_type', models.CharField(blank=True, default='', max_length=100)),
                ('events', models.BigIntegerField(default=0)),
                ('units', models.DecimalField(decimal_places=12, default=0, max_digits=38)),
                ('first_seen_at', models.DateTimeField()),
                ('last_seen_at', models.DateTimeField()),
            ],
            options={
                'ordering': ['-last_seen_at'],
            },
        ),
        migrations.AddField(
            model_name='rate',
            name='asset',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.asset'),
        ),
        migrations.RunSQL(
            sql="UPDATE billing_rate r SET asset_id = c.asset_id FROM billing_ratecard c WHERE c.id = r.rate_card_id;"
            " SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED",
        ),
        migrations.AlterField(
            model_name='rate',
            name='asset',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.asset'),
        ),
        migrations.AddField(
            model_name='rate',
            name='terms',
            field=models.JSONField(blank=True, null=True),
        ),
        migrations.AlterField(
            model_name='rate',
            name='model',
            field=models.CharField(choices=[('unit', 'Unit'), ('terms', 'Terms')], default='unit', max_length=20),
        ),
        migrations.AlterField(
            model_name='rate',
            name='rate_card',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='rates', to='billing.ratecard'),
        ),
        migrations.AlterField(
            model_name='rate',
            name='unit_price',
            field=models.DecimalField(decimal_places=18, default=0, max_digits=38),
        ),
        migrations.AddConstraint(
            model_name='rate',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('model', 'unit'), ('terms__isnull', True)), models.Q(('model', 'terms'), ('terms__isnull', False), ('unit_price', 0)), _connector='OR'), name='billing_rate_one_price'),
        ),
        migrations.AddField(
            model_name='addon',
            name='book',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.book'),
        ),
        migrations.AddField(
            model_name='addonversion',
            name='addon',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='versions', to='billing.addon'),
        ),
        migrations.AddField(
            model_name='addonversion',
            name='asset',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.asset'),
        ),
        migrations.AddField(
            model_name='charge',
            name='asset',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.asset'),
        ),
        migrations.AddField(
            model_name='charge',
            name='book',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.book'),
        ),
        migrations.AddField(
            model_name='charge',
            name='customer',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='charges', to='ledger.customer'),
        ),
        migrations.AddField(
            model_name='chargechange',
            name='charge',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='changes', to='billing.charge'),
        ),
        migrations.AddField(
            model_name='contract',
            name='asset',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.asset'),
        ),
        migrations.AddField(
            model_name='contract',
            name='book',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.book'),
        ),
        migrations.AddField(
            model_name='contract',
            name='customer',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='contracts', to='ledger.customer'),
        ),
        migrations.AddField(
            model_name='charge',
            name='contract',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='charges', to='billing.contract'),
        ),
        migrations.AddField(
            model_name='costprice',
            name='book',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.book'),
        ),
        migrations.AddField(
            model_name='coupon',
            name='asset',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.asset'),
        ),
        migrations.AddField(
            model_name='coupon',
            name='book',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.book'),
        ),
        migrations.AddField(
            model_name='couponredemption',
            name='coupon',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='redemptions', to='billing.coupon'),
        ),
        migrations.AddField(
            model_name='feature',
            name='book',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.book'),
        ),
        migrations.AddField(
            model_name='feature',
            name='meter',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='features', to='billing.meter'),
        ),
        migrations.AddField(
            model_name='plan',
            name='book',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.book'),
        ),
        migrations.AddField(
            model_name='plan',
            name='customer',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.customer'),
        ),
        migrations.AddField(
            model_name='planaddon',
            name='addon_version',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='billing.addonversion'),
        ),
        migrations.AddField(
            model_name='planratecard',
            name='addon_version',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='rate_cards', to='billing.addonversion'),
        ),
        migrations.AddField(
            model_name='planratecard',
            name='feature',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='billing.feature'),
        ),
        migrations.AddField(
            model_name='planratecard',
            name='phase',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='rate_cards', to='billing.planphase'),
        ),
        migrations.AddField(
            model_name='planversion',
            name='asset',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.asset'),
        ),
        migrations.AddField(
            model_name='planversion',
            name='plan',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='versions', to='billing.plan'),
        ),
        migrations.AddField(
            model_name='planphase',
            name='plan_version',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='phases', to='billing.planversion'),
        ),
        migrations.AddField(
            model_name='planaddon',
            name='plan_version',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='addons', to='billing.planversion'),
        ),
        migrations.AddField(
            model_name='subscription',
            name='asset',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.asset'),
        ),
        migrations.AddField(
            model_name='subscription',
            name='book',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.book'),
        ),
        migrations.AddField(
            model_name='subscription',
            name='customer',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='subscriptions', to='ledger.customer'),
        ),
        migrations.AddField(
            model_name='subscription',
            name='plan_version',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='billing.planversion'),
        ),
        migrations.AddField(
            model_name='couponredemption',
            name='subscription',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='redemptions', to='billing.subscription'),
        ),
        migrations.AddField(
            model_name='charge',
            name='subscription',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='charges', to='billing.subscription'),
        ),
        migrations.AddField(
            model_name='subscriptionaddon',
            name='addon_version',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='billing.addonversion'),
        ),
        migrations.AddField(
            model_name='subscriptionaddon',
            name='subscription',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='addons', to='billing.subscription'),
        ),
        migrations.AddField(
            model_name='subscriptionevent',
            name='book',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.book'),
        ),
        migrations.AddField(
            model_name='subscriptionevent',
            name='subscription',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='history', to='billing.subscription'),
        ),
        migrations.AddField(
            model_name='subscriptionitem',
            name='addon',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='items', to='billing.subscriptionaddon'),
        ),
        migrations.AddField(
            model_name='subscriptionitem',
            name='customer',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.customer'),
        ),
        migrations.AddField(
            model_name='subscriptionitem',
            name='feature',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='billing.feature'),
        ),
        migrations.AddField(
            model_name='subscriptionitem',
            name='meter',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='billing.meter'),
        ),
        migrations.AddField(
            model_name='subscriptionitem',
            name='rate',
            field=models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='item', to='billing.rate'),
        ),
        migrations.AddField(
            model_name='subscriptionitem',
            name='rate_card',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='billing.planratecard'),
        ),
        migrations.AddField(
            model_name='subscriptionitem',
            name='subscription',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='items', to='billing.subscription'),
        ),
        migrations.AddField(
            model_name='charge',
            name='item',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='charges', to='billing.subscriptionitem'),
        ),
        migrations.AddField(
            model_name='taxcode',
            name='book',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.book'),
        ),
        migrations.AddField(
            model_name='unknownmodel',
            name='book',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.book'),
        ),
        migrations.AddConstraint(
            model_name='addon',
            constraint=models.UniqueConstraint(fields=('book', 'key'), name='billing_addon_key'),
        ),
        migrations.AddConstraint(
            model_name='addonversion',
            constraint=models.UniqueConstraint(fields=('addon', 'version'), name='billing_addonversion_once'),
        ),
        migrations.AddConstraint(
            model_name='addonversion',
            constraint=models.UniqueConstraint(condition=models.Q(('effective_from', None)), fields=('addon',), name='billing_addonversion_one_draft'),
        ),
        migrations.AddIndex(
            model_name='contract',
            index=models.Index(condition=models.Q(('due_at__isnull', False)), fields=['due_at'], name='billing_contract_due'),
        ),
        migrations.AddConstraint(
            model_name='contract',
            constraint=models.UniqueConstraint(fields=('book', 'key'), name='billing_contract_key'),
        ),
        migrations.AddConstraint(
            model_name='contract',
            constraint=models.CheckConstraint(condition=models.Q(('ends_at__gt', models.F('starts_at'))), name='billing_contract_lasts'),
        ),
        migrations.AddConstraint(
            model_name='costprice',
            constraint=models.UniqueConstraint(condition=models.Q(('removed_at', None)), fields=('book', 'provider', 'model', 'effective_from'), name='billing_costprice_once', nulls_distinct=False),
        ),
        migrations.AddConstraint(
            model_name='costprice',
            constraint=models.CheckConstraint(condition=models.Q(('effective_to', None), ('effective_to__gt', models.F('effective_from')), _connector='OR'), name='billing_costprice_lasts'),
        ),
        migrations.AddConstraint(
            model_name='costprice',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('book', None), ('source', 'system')), models.Q(('book__isnull', False), ('source', 'manual')), _connector='OR'), name='billing_costprice_source'),
        ),
        migrations.AddConstraint(
            model_name='coupon',
            constraint=models.UniqueConstraint(fields=('book', 'key'), name='billing_coupon_key'),
        ),
        migrations.AddConstraint(
            model_name='coupon',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('amount', None), ('kind', 'percentage'), ('percentage__gt', 0), ('percentage__lte', 100)), models.Q(('amount__gt', 0), ('asset__isnull', False), ('kind', 'amount'), ('percentage', None)), _connector='OR'), name='billing_coupon_takes_something'),
        ),
        migrations.AddConstraint(
            model_name='coupon',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('duration', 'periods'), ('periods__gte', 1)), models.Q(models.Q(('duration', 'periods'), _negated=True), ('periods', None)), _connector='OR'), name='billing_coupon_periods'),
        ),
        migrations.AddConstraint(
            model_name='feature',
            constraint=models.UniqueConstraint(fields=('book', 'key'), name='billing_feature_key'),
        ),
        migrations.AddConstraint(
            model_name='feature',
            constraint=models.CheckConstraint(condition=models.Q(('filters', {}), ('meter__isnull', False), _connector='OR'), name='billing_feature_filters_a_meter'),
        ),
        migrations.AddConstraint(
            model_name='plan',
            constraint=models.UniqueConstraint(fields=('book', 'key'), name='billing_plan_key'),
        ),
        migrations.AddConstraint(
            model_name='planratecard',
            constraint=models.UniqueConstraint(fields=('phase', 'key'), name='billing_planratecard_in_phase'),
        ),
        migrations.AddConstraint(
            model_name='planratecard',
            constraint=models.UniqueConstraint(fields=('addon_version', 'key'), name='billing_planratecard_in_addon'),
        ),
        migrations.AddConstraint(
            model_name='planratecard',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('addon_version__isnull', False), ('phase', None)), models.Q(('addon_version', None), ('phase__isnull', False)), _connector='OR'), name='billing_planratecard_one_owner'),
        ),
        migrations.AddConstraint(
            model_name='planversion',
            constraint=models.UniqueConstraint(fields=('plan', 'version'), name='billing_planversion_once'),
        ),
        migrations.AddConstraint(
            model_name='planversion',
            constraint=models.UniqueConstraint(condition=models.Q(('effective_from', None)), fields=('plan',), name='billing_planversion_one_draft'),
        ),
        migrations.AddConstraint(
            model_name='planversion',
            constraint=models.CheckConstraint(condition=models.Q(('effective_to', None), ('effective_to__gte', models.F('effective_from')), _connector='OR'), name='billing_planversion_archived_later'),
        ),
        migrations.AddConstraint(
            model_name='planphase',
            constraint=models.UniqueConstraint(deferrable=django.db.models.constraints.Deferrable['DEFERRED'], fields=('plan_version', 'position'), name='billing_planphase_position'),
        ),
        migrations.AddConstraint(
            model_name='planphase',
            constraint=models.UniqueConstraint(fields=('plan_version', 'key'), name='billing_planphase_key'),
        ),
        migrations.AddConstraint(
            model_name='planaddon',
            constraint=models.UniqueConstraint(fields=('plan_version', 'addon_version'), name='billing_planaddon_once'),
        ),
        migrations.AddIndex(
            model_name='subscription',
            index=models.Index(condition=models.Q(('due_at__isnull', False)), fields=['due_at'], name='billing_subscription_due'),
        ),
        migrations.AddConstraint(
            model_name='subscription',
            constraint=models.UniqueConstraint(fields=('book', 'key'), name='billing_subscription_key'),
        ),
        migrations.AddConstraint(
            model_name='subscription',
            constraint=models.CheckConstraint(condition=models.Q(('ends_at', None), ('ends_at__gte', models.F('starts_at')), _connector='OR'), name='billing_subscription_ends_later'),
        ),
        migrations.AddConstraint(
            model_name='couponredemption',
            constraint=models.UniqueConstraint(condition=models.Q(('removed_at', None)), fields=('coupon', 'subscription'), name='billing_redemption_once'),
        ),
        migrations.AddConstraint(
            model_name='couponredemption',
            constraint=models.UniqueConstraint(fields=('coupon', 'key'), name='billing_redemption_key'),
        ),
        migrations.AddConstraint(
            model_name='subscriptionevent',
            constraint=models.UniqueConstraint(fields=('subscription', 'sequence'), name='billing_subscriptionevent_sequence'),
        ),
        migrations.AddConstraint(
            model_name='subscriptionevent',
            constraint=models.UniqueConstraint(fields=('book', 'key'), name='billing_subscriptionevent_key'),
        ),
        migrations.AddIndex(
            model_name='subscriptionitem',
            index=models.Index(fields=['customer', 'meter'], name='billing_item_customer'),
        ),
        migrations.AddConstraint(
            model_name='subscriptionitem',
            constraint=models.CheckConstraint(condition=models.Q(('ends_at', None), ('ends_at__gt', models.F('starts_at')), _connector='OR'), name='billing_subscriptionitem_lasts'),
        ),
        migrations.AddConstraint(
            model_name='subscriptionitem',
            constraint=models.CheckConstraint(condition=models.Q(('rate', None), ('meter__isnull', False), _connector='OR'), name='billing_subscriptionitem_rates_a_meter'),
        ),
        migrations.AddIndex(
            model_name='charge',
            index=models.Index(fields=['customer', 'due_at'], name='billing_charge_customer'),
        ),
        migrations.AddConstraint(
            model_name='charge',
            constraint=models.UniqueConstraint(fields=('book', 'key'), name='billing_charge_key'),
        ),
        migrations.AddConstraint(
            model_name='charge',
            constraint=models.CheckConstraint(condition=models.Q(('subscription__isnull', False), ('contract__isnull', False), _connector='OR'), name='billing_charge_of_something'),
        ),
        migrations.AddConstraint(
            model_name='taxcode',
            constraint=models.UniqueConstraint(fields=('book', 'key'), name='billing_taxcode_key'),
        ),
        migrations.AddConstraint(
            model_name='unknownmodel',
            constraint=models.UniqueConstraint(fields=('book', 'provider', 'model', 'token_type'), name='billing_unknownmodel_once'),
        ),
        # The .sql beside this file is frozen with it: change it by a new migration.
        migrations.RunSQL(sql=Path(__file__).with_suffix(".sql").read_text()),
    ]
