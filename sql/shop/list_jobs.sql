-- One page of jobs: filtered, searched, sorted, by keyset. Runs on the lane `report`: it is planned with its values, so
-- that every filter that is null and every order that was not asked for disappears from the plan.
-- A job without a due date counts as due last, in both directions. Text search: the beginning of the job number (as
-- typed, or in capitals), or a part of the title. Trigrams need three letters or digits in a row; a search with fewer
-- finds words of the title that begin with it, and one without a letter or digit at its front only job numbers.
-- The jobs of a member or a machine are found from the steps when these are few; when they are many, most pages are
-- full soon, so the list is walked in its order. The plan holds both ways and runs one of them.
-- A text known to begin a job number (see find_job_number) is looked up as one range; sorted by number, however many
-- jobs it fits, a page is read from the index and nothing else.
-- $1 business_id: the tenant
-- $2 timezone: IANA zone of the business; decides "overdue" and on which day a job was created
-- $3 statuses (nullable): any of these statuses; null or empty: all
-- $4 priorities (nullable): any of these priorities; null or empty: all
-- $5 customer_id (nullable): jobs of this customer, or null
-- $6 assigned_to (nullable): jobs with a step assigned to this member, or null
-- $7 machine_id (nullable): jobs with a step on this machine, or null
-- $8 overdue (nullable): true: only overdue jobs, false: only others, null: all
-- $9 due_from (nullable): first due date, or null
-- $10 due_to (nullable): last due date, or null; either bound leaves out jobs without a due date
-- $11 created_from (nullable): first day of creation in the business's calendar, or null
-- $12 created_to (nullable): last day of creation, or null
-- $13 q (nullable): search text, or null
-- $14 sort: created_at, due_on or job_number, with a leading - for descending
-- $15 after (nullable): the last_key of the page before, or null for the first page
-- $16 limit_rows: rows a page
-- $17 numbers_only: the search text is the beginning of a job number as it is written; titles are not searched
-- nullable: last_key
-- index: jobs_page_ix, jobs_status_page_ix, jobs_customer_ix, jobs_due_page_ix, jobs_due_ix, jobs_number_uq, jobs_title_trgm
-- index: steps_job_ix, steps_assignee_job_ix, steps_machine_job_ix
with few_steps as materialized (
  select s.job_id from shop.job_steps s
  where s.business_id = $1::uuid and ($6::uuid is not null or $7::uuid is not null)
    and ($6::uuid is null or s.assigned_to = $6::uuid)
    and ($6::uuid is not null or s.machine_id = $7::uuid)
  limit 3001
),
search as (
  -- backslash, percent and underscore of the search text stand for themselves; an impossible pattern is no pattern
  select escaped || '%' as number_prefix,
    case when escaped ~ '[[:alnum:]]{3}' then '%' || escaped || '%'
      when escaped ~ '^[[:alnum:]]' then '% ' || escaped || '%' end as title_pattern,
    case when escaped !~ '[[:alnum:]]{3}' and escaped ~ '^[[:alnum:]]' then escaped || '%' end as title_begins
  from (select core.like_pattern($13::text) as escaped) q
),
page as materialized (
  select j.*,
    (j.by_due_on < (now() at time zone $2::text)::date
      and j.status in ('active', 'in_progress', 'on_hold')) as overdue
  from (
    select 'walk' as way, created_at as by_created_at, coalesce(due_on, 'infinity'::date) as by_due_on,
      job_number collate "C" as by_job_number, *
    from shop.jobs
    union all
    -- the same values, which no index gives in order: the few jobs are fetched by their ids and then sorted
    select 'fetch', created_at + interval '0', coalesce(due_on, 'infinity'::date) + 0, (job_number || '') collate "C", *
    from shop.jobs
  ) j
  cross join search
  where j.business_id = $1::uuid
    and (j.way <> 'fetch' or $6::uuid is not null or $7::uuid is not null)
    and (j.way = 'fetch' or ($6::uuid is null and $7::uuid is null) or (select count(*) > 3000 from few_steps))
    and (j.way <> 'fetch' or (select count(*) <= 3000 from few_steps))
    and (j.way <> 'fetch' or j.id = any (array(select job_id from few_steps)))
    -- one status is an equality, which lets jobs_status_page_ix give the order too
    and (coalesce(cardinality($3::shop.job_status[]), 0) <> 1 or j.status = ($3::shop.job_status[])[1])
    and (coalesce(cardinality($3::shop.job_status[]), 0) < 2 or j.status = any ($3::shop.job_status[]))
    and (coalesce(cardinality($4::shop.job_priority[]), 0) = 0 or j.priority = any ($4::shop.job_priority[]))
    and ($5::uuid is null or j.customer_id = $5::uuid)
    and ($6::uuid is null or exists (select from shop.job_steps s
      where s.business_id = $1::uuid and s.job_id = j.id and s.assigned_to = $6::uuid))
    and ($7::uuid is null or exists (select from shop.job_steps s
      where s.business_id = $1::uuid and s.job_id = j.id and s.machine_id = $7::uuid))
    and ($8::boolean is distinct from true or (j.status in ('active', 'in_progress', 'on_hold')
      and j.by_due_on < (now() at time zone $2::text)::date))
    and ($8::boolean is distinct from false or j.status not in ('active', 'in_progress', 'on_hold')
      or j.by_due_on >= (now() at time zone $2::text)::date)
    and ($9::date is null or j.by_due_on >= $9::date)
    and ($10::date is null or j.by_due_on <= $10::date)
    and (($9::date is null and $10::date is null) or j.due_on is not null)
    and ($11::date is null or j.created_at >= $11::date::timestamp at time zone $2::text)
    and ($12::date is null or j.created_at < ($12::date + 1)::timestamp at time zone $2::text)
    and ($13::text is null or not $17::boolean or j.by_job_number like search.number_prefix)
    and ($13::text is null or $17::boolean or j.by_job_number like search.number_prefix
      or j.by_job_number like upper(search.number_prefix)
      or j.title ilike search.title_pattern or j.title ilike search.title_begins)
    and ($15::text is null or $14::text <> '-created_at'
      or (j.by_created_at, j.id) < (($15::text::jsonb ->> 0)::timestamptz, ($15::text::jsonb ->> 1)::uuid))
    and ($15::text is null or $14::text <> 'created_at'
      or (j.by_created_at, j.id) > (($15::text::jsonb ->> 0)::timestamptz, ($15::text::jsonb ->> 1)::uuid))
    and ($15::text is null or $14::text <> '-due_on'
      or (j.by_due_on, j.id) < (($15::text::jsonb ->> 0)::date, ($15::text::jsonb ->> 1)::uuid))
    and ($15::text is null or $14::text <> 'due_on'
      or (j.by_due_on, j.id) > (($15::text::jsonb ->> 0)::date, ($15::text::jsonb ->> 1)::uuid))
    and ($15::text is null or $14::text <> '-job_number' or j.by_job_number < $15::text::jsonb ->> 0)
    and ($15::text is null or $14::text <> 'job_number' or j.by_job_number > $15::text::jsonb ->> 0)
  order by
    case when $14::text = '-created_at' then j.by_created_at end desc,
    case when $14::text = '-created_at' then j.id end desc,
    case when $14::text = 'created_at' then j.by_created_at end,
    case when $14::text = 'created_at' then j.id end,
    case when $14::text = '-due_on' then j.by_due_on end desc,
    case when $14::text = '-due_on' then j.id end desc,
    case when $14::text = 'due_on' then j.by_due_on end,
    case when $14::text = 'due_on' then j.id end,
    case when $14::text = '-job_number' then j.by_job_number end desc,
    case when $14::text = 'job_number' then j.by_job_number end
  limit $16::int + 1
),
numbered as (select row_number() over () as row_no, page.* from page),
shown as (
  select n.*, k.name as customer_name
  from numbered n
  left join core.customers k on k.business_id = n.business_id and k.id = n.customer_id
  where n.row_no <= $16::int
)
select
  coalesce(json_agg(json_build_object(
    'id', id, 'job_number', job_number, 'title', title, 'status', status, 'priority', priority, 'due_on', due_on,
    'overdue', overdue, 'customer_id', customer_id, 'customer_name', customer_name,
    'quantity', trim_scale(quantity), 'unit', unit,
    'price', case when price is not null then json_build_object('amount', price, 'currency', currency) end,
    'revision_no', revision_no, 'steps_total', steps_total, 'steps_done', steps_done,
    'created_at', core.iso(created_at), 'updated_at', core.iso(updated_at), 'version', version
  ) order by row_no), '[]')::text as data,
  (select count(*) > $16::int from page) as has_more,
  (select json_build_array(
      case ltrim($14::text, '-') when 'due_on' then by_due_on::text
        when 'job_number' then job_number
        else to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') end,
      id)::text
    from shown order by row_no desc limit 1) as last_key
from shown;
