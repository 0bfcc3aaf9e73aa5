-- Whether a text is the beginning of a job number of the business: as typed, or in capitals. Two probes of the index; the
-- order makes them so, for without one the planner expects a match early and scans.
-- $1 business_id: the tenant
-- $2 beginning: the text
-- index: jobs_number_uq
select exists (
    select from (
      select from shop.jobs j
      where j.business_id = $1::uuid and j.job_number like core.like_pattern($2::text) || '%'
      order by j.job_number limit 1) one
  ) as as_typed,
  exists (
    select from (
      select from shop.jobs j
      where j.business_id = $1::uuid and j.job_number like core.like_pattern(upper($2::text)) || '%'
      order by j.job_number limit 1) one
  ) as in_capitals;
