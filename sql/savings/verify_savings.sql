-- Proves that what savings say of a business's money is what the ledger has: how many markings there are, and the first
-- thing of each part that is broken.
-- $1 business_id: the tenant
-- nullable: broken
-- scan: every account, visit and marking is read
select (select count(*) from savings.markings m where m.business_id = $1 and m.reversed_at is null)::text as markings,
       (select string_agg(v.part || ': ' || v.broken, '; ') from savings.verify($1) v) as broken;
