-- Whether a text is the beginning of a job number of the business: as typed, or in capitals. Two probes of the index.
-- $1 business_id: the tenant
-- $2 beginning: the text
-- index: jobs_number_uq
select exists (
    select from shop.jobs j
    where j.business_id = $1::uuid and j.job_number collate "C" like core.like_pattern($2::text) || '%'
  ) as as_typed,
  exists (
    select from shop.jobs j
    where j.business_id = $1::uuid and j.job_number collate "C" like core.like_pattern(upper($2::text)) || '%'
  ) as in_capitals;
