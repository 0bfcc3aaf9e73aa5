-- One page of jobs: filtered, searched, sorted, by keyset. Runs on the lane `report`: it is planned with its values, so
-- that every filter that is null and every order that was not asked for disappears from the plan.
-- A job without a due date counts as due last, in both directions. Text search: the beginning of the job number (as
-- typed, or in capitals), or a part of the title. Trigrams need three letters or digits in a row; a search with fewer
-- finds words of the title that begin with it, and one without a letter or digit at its front only job numbers.
-- Indexes: jobs_page_ix, jobs_status_page_ix, jobs_customer_ix, jobs_due_page_ix, jobs_due_ix, jobs_number_uq,
-- jobs_title_trgm; steps_job_ix, steps_assignee_job_ix, steps_machine_job_ix for the filters by member and machine.
-- $1 business_id: the tenant
-- $2 timezone: IANA zone of the business; decides "overdue" and on which day a job was created
-- $3 statuses: any of these statuses; null or empty: all
-- $4 priorities: any of these priorities; null or empty: all
-- $5 customer_id: jobs of this customer, or null
-- $6 assigned_to: jobs with a step assigned to this member, or null
-- $7 machine_id: jobs with a step on this machine, or null
-- $8 overdue: true: only overdue jobs, false: only others, null: all
-- $9 due_from: first due date, or null
-- $10 due_to: last due date, or null; either bound leaves out jobs without a due date
-- $11 created_from: first day of creation in the business's calendar, or null
-- $12 created_to: last day of creation, or null
-- $13 q: search text, or null
-- $14 sort: created_at, due_on or job_number, with a leading - for descending
-- $15 after: the last_key of the page before, or null for the first page
-- $16 page_size: rows of a page
-- nullable: last_key
with page as materialized (
  select j.*,
    (coalesce(j.due_on, 'infinity'::date) < (now() at time zone $2::text)::date
      and j.status in ('active', 'in_progress', 'on_hold')) as overdue
  from shop.jobs j
  where j.business_id = $1::uuid
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
      and coalesce(j.due_on, 'infinity'::date) < (now() at time zone $2::text)::date))
    and ($8::boolean is distinct from false or j.status not in ('active', 'in_progress', 'on_hold')
      or coalesce(j.due_on, 'infinity'::date) >= (now() at time zone $2::text)::date)
    and ($9::date is null or coalesce(j.due_on, 'infinity'::date) >= $9::date)
    and ($10::date is null or coalesce(j.due_on, 'infinity'::date) <= $10::date)
    and (($9::date is null and $10::date is null) or j.due_on is not null)
    and ($11::date is null or j.created_at >= $11::date::timestamp at time zone $2::text)
    and ($12::date is null or j.created_at < ($12::date + 1)::timestamp at time zone $2::text)
    -- Backslash, percent and underscore of the search text stand for themselves.
    and ($13::text is null
      or j.job_number like regexp_replace($13::text, '([\\%_])', '\\\1', 'g') || '%'
      or j.job_number like regexp_replace(upper($13::text), '([\\%_])', '\\\1', 'g') || '%'
      or ($13::text ~ '[[:alnum:]]{3}'
        and j.title ilike '%' || regexp_replace($13::text, '([\\%_])', '\\\1', 'g') || '%')
      or ($13::text !~ '[[:alnum:]]{3}' and $13::text ~ '^[[:alnum:]]'
        and (j.title ilike regexp_replace($13::text, '([\\%_])', '\\\1', 'g') || '%'
          or j.title ilike '% ' || regexp_replace($13::text, '([\\%_])', '\\\1', 'g') || '%')))
    and ($15::text is null or $14::text <> '-created_at'
      or (j.created_at, j.id) < (($15::jsonb ->> 0)::timestamptz, ($15::jsonb ->> 1)::uuid))
    and ($15::text is null or $14::text <> 'created_at'
      or (j.created_at, j.id) > (($15::jsonb ->> 0)::timestamptz, ($15::jsonb ->> 1)::uuid))
    and ($15::text is null or $14::text <> '-due_on'
      or (coalesce(j.due_on, 'infinity'::date), j.id) < (($15::jsonb ->> 0)::date, ($15::jsonb ->> 1)::uuid))
    and ($15::text is null or $14::text <> 'due_on'
      or (coalesce(j.due_on, 'infinity'::date), j.id) > (($15::jsonb ->> 0)::date, ($15::jsonb ->> 1)::uuid))
    and ($15::text is null or $14::text <> '-job_number' or j.job_number < $15::jsonb ->> 0)
    and ($15::text is null or $14::text <> 'job_number' or j.job_number > $15::jsonb ->> 0)
  order by
    case when $14::text = '-created_at' then j.created_at end desc,
    case when $14::text = '-created_at' then j.id end desc,
    case when $14::text = 'created_at' then j.created_at end,
    case when $14::text = 'created_at' then j.id end,
    case when $14::text = '-due_on' then coalesce(j.due_on, 'infinity'::date) end desc,
    case when $14::text = '-due_on' then j.id end desc,
    case when $14::text = 'due_on' then coalesce(j.due_on, 'infinity'::date) end,
    case when $14::text = 'due_on' then j.id end,
    case when $14::text = '-job_number' then j.job_number end desc,
    case when $14::text = 'job_number' then j.job_number end
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
      case ltrim($14::text, '-') when 'due_on' then coalesce(due_on, 'infinity'::date)::text
        when 'job_number' then job_number
        else to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') end,
      id)::text
    from shown order by row_no desc limit 1) as last_key
from shown;
