-- Proves the ledger of a business: how many entries it has, and the first thing of each part that is broken.
-- $1 business_id: the tenant
-- nullable: broken
-- scan: every entry is read
select (select count(*) from ledger.entries e where e.business_id = $1)::text as entries,
       (select string_agg(v.part || ': ' || v.broken, '; ') from ledger.verify($1) v) as broken;
