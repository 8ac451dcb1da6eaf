"""fill N: copies the rows of one finished cluster until its project has N clusters; clean: removes the copies."""
import os
import sys
import uuid

import pymysql

NAME = 'jeroboam-bench-%'
db = pymysql.connect(host='127.0.0.1', user='osbed', password=os.environ['MAGNUM_DATABASE_PASSWORD'], database='magnum',
                     autocommit=True, cursorclass=pymysql.cursors.DictCursor)
c = db.cursor()


def clean():
    c.execute("DELETE FROM nodegroup WHERE cluster_id IN (SELECT uuid FROM cluster WHERE name LIKE %s)", (NAME,))
    c.execute("DELETE FROM cluster WHERE name LIKE %s", (NAME,))


def insert(table, row):
    row = {k: v for k, v in row.items() if k != 'id'}
    columns, places = ','.join('`%s`' % k for k in row), ','.join(['%s'] * len(row))
    c.execute('INSERT INTO %s (%s) VALUES (%s)' % (table, columns, places), list(row.values()))


def fill(wanted):
    clean()
    c.execute("SELECT * FROM cluster WHERE status = 'CREATE_COMPLETE' ORDER BY id LIMIT 1")
    first = c.fetchone()
    if first is None:
        sys.exit('it has no cluster that is CREATE_COMPLETE; make one first')
    c.execute('SELECT * FROM nodegroup WHERE cluster_id = %s', (first['uuid'],))
    groups = c.fetchall()
    c.execute('SELECT count(*) AS n FROM cluster WHERE project_id = %s', (first['project_id'],))
    for i in range(c.fetchone()['n'], wanted):
        copy = str(uuid.uuid4())
        insert('cluster', dict(first, uuid=copy, name=NAME.rstrip('%') + str(i), stack_id=str(uuid.uuid4())))
        for g in groups:
            insert('nodegroup', dict(g, uuid=str(uuid.uuid4()), cluster_id=copy))


if sys.argv[1] == 'fill':
    fill(int(sys.argv[2]))
else:
    clean()
