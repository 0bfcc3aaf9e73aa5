-- One machine, archived ones too, with the processes it can do and what it is running now; no row when the business
-- has no such machine.
-- $1 business_id: the tenant
-- $2 machine_id: the machine
-- index: machines_pk, machine_processes_pk, steps_machine_busy_ix, time_logs_downtime_uq
select shop.machine_body(m)::text as body, m.version
from shop.machines m where m.business_id = $1::uuid and m.id = $2::uuid;
