-- The business that follows another one in the order of ids, for work that takes them one after the other. No row: it
-- was the last.
-- $1 after (nullable): the one before; null: the first
-- index: businesses_pkey
select b.id::text as business_id from core.businesses b
where $1::uuid is null or b.id > $1::uuid order by b.id limit 1;
