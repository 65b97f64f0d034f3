from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('wallets', '0004_limits'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='creditgrant',
            options={
                'ordering': ['id'],
                'permissions': [
                    ('adjust_creditgrant', 'Can adjust a credit grant'),
                    ('transfer_creditgrant', 'Can transfer credit to another wallet'),
                    ('void_creditgrant', 'Can void a credit grant'),
                ],
            },
        ),
        migrations.AlterModelOptions(
            name='topup',
            options={
                'ordering': ['-id'],
                'permissions': [
                    ('confirm_topup', 'Can confirm the payment of a top-up'),
                    ('refund_topup', 'Can refund a top-up'),
                ],
            },
        ),
    ]
