-- Corrects counters that are not what their rows come to (core.rebuild_counters). Writers may go on beside it.
-- $1 business_id (nullable): of one business; null: of all
-- scan: counts every row again, when an operator asks for it
select core.rebuild_counters($1::uuid) as rebuilt;
