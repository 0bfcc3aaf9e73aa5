/** A backlog of the largest business, as queues read it: machines and members in turn. `b` is the business, as in populate.ts. */
export const shopGrowth = `
  insert into shop.open_steps (business_id, step_id, job_id, process_id, assigned_to, machine_id, status, priority, due_at)
    select b.business_id, md5('open step' || g)::uuid, j.id, p.id, md5('member' || g % 40)::uuid, m.ids[1 + g % cardinality(m.ids)],
      (enum_range(null::shop.step_status))[1 + g % 5], (enum_range(null::shop.job_priority))[1 + g % 4],
      now() + (g % 100 - 50) * interval '1 hour'
    from b cross join generate_series(1, 10000) g
    cross join (select array_agg(x.id) as ids from shop.machines x join b using (business_id)) m
    cross join (select x.id from shop.processes x join b using (business_id) limit 1) p
    cross join (select x.id from shop.jobs x join b using (business_id) limit 1) j;
`;
