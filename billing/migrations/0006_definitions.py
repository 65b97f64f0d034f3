from pathlib import Path

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('billing', '0005_admin_permissions'),
    ]

    operations = [
        # The .sql beside this file is frozen with it: change it by a new migration.
        migrations.RunSQL(sql=Path(__file__).with_suffix(".sql").read_text()),
    ]
