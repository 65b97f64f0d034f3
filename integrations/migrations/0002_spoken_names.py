"""Call rows by the words that people use."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('integrations', '0001_webhooks'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='webhookdelivery',
            options={'ordering': ['-id'], 'permissions': [('replay_webhookdelivery', 'Can send a webhook again')], 'verbose_name_plural': 'webhook deliveries'},
        ),
    ]
