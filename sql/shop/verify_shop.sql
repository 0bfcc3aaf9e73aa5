-- Proves that jobs, steps, dependencies and time of a business say the same: how many jobs there are, and the first thing of
-- each part that is broken.
-- $1 business_id: the tenant
-- nullable: broken
-- scan: every job, step and log is read
select (select count(*) from shop.jobs j where j.business_id = $1)::text as jobs,
       (select string_agg(v.part || ': ' || v.broken, '; ') from shop.verify($1) v) as broken;
