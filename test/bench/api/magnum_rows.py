"""fill N TEMPLATE: gives a template's project N finished clusters; clean: removes them. Only the rows: there is nothing behind them."""
import os
import sys
import uuid

import pymysql

NAME = 'jeroboam-bench-'
db = pymysql.connect(host='127.0.0.1', user='osbed', password=os.environ['MAGNUM_DATABASE_PASSWORD'], database='magnum',
                     autocommit=True, cursorclass=pymysql.cursors.DictCursor)
c = db.cursor()


def clean():
    c.execute('DELETE FROM nodegroup WHERE cluster_id IN (SELECT uuid FROM cluster WHERE name LIKE %s)', (NAME + '%',))
    c.execute('DELETE FROM cluster WHERE name LIKE %s', (NAME + '%',))


def insert(table, **row):
    columns, places = ','.join(row), ','.join(['%s'] * len(row))
    c.execute('INSERT INTO %s (created_at, %s) VALUES (now(), %s)' % (table, columns, places), list(row.values()))


def fill(wanted, template):
    clean()
    c.execute('SELECT * FROM cluster_template WHERE uuid = %s', (template,))
    t = c.fetchone()
    for i in range(wanted):
        cluster = str(uuid.uuid4())
        insert('cluster', uuid=cluster, name=NAME + str(i), project_id=t['project_id'], user_id=t['user_id'], cluster_template_id=template,
               stack_id=str(uuid.uuid4()), status='CREATE_COMPLETE', create_timeout=60, keypair=t['keypair_id'], labels='{}',
               flavor_id=t['flavor_id'], master_flavor_id=t['master_flavor_id'], api_address='https://172.24.4.99:6443', coe_version='v1.23.3',
               health_status='HEALTHY', health_status_reason='{"api": "ok"}', floating_ip_enabled=1, master_lb_enabled=0)
        for role in ('master', 'worker'):
            insert('nodegroup', uuid=str(uuid.uuid4()), name='default-' + role, cluster_id=cluster, project_id=t['project_id'], labels='{}',
                   flavor_id=t['flavor_id'], image_id=t['image_id'], node_addresses='["10.0.0.5"]', node_count=1, min_node_count=1, role=role,
                   is_default=1, status='CREATE_COMPLETE')


if sys.argv[1] == 'fill':
    fill(int(sys.argv[2]), sys.argv[3])
else:
    clean()
