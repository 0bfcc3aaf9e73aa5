-- Makes the queues of members and machines what jobs and their steps say (shop.rebuild_open_steps). Writers of jobs and steps
-- wait for it.
-- $1 business_id (nullable): of one business; null: of all
-- scan: every open step is read again, when an operator asks for it
select shop.rebuild_open_steps($1::uuid) as rebuilt;
