/**
 * The one Lua script of the rate limits (Redis 5 or later). One call settles many subjects: returns what they did not
 * spend, charges what was spent unreported, and grants new tokens. Time is the server's, so replicas' clocks do not
 * matter. Per subject there is one hash: for window i its total `i:t`, its oldest slot `i:o`, when that comes back
 * `i:r`, and its slots `i:<slot>`. KEYS: the epoch, then one key per entry. ARGV[1]: the request as JSON; the answer is JSON too, because
 * one string is cheaper to carry and parse than thousands of small replies. Shapes: `exchange.ts`.
 *
 * The epoch is a random word that lives as long as the data: when it changes, Redis has lost the counts. A
 * replica names the epoch it knows ('' at first), and is granted nothing under another one.
 */
export const settleScript = `
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local request = cjson.decode(ARGV[1])
local slots = request.slots
local epoch = redis.call('GET', KEYS[1])
if not epoch then
  epoch = request.fresh_epoch
  redis.call('SET', KEYS[1], epoch)
end
-- Who counts on data that is gone gets nothing, but the chance to report all it knows.
if request.epoch ~= '' and request.epoch ~= epoch then
  return cjson.encode({ now = now, epoch = epoch, answers = false })
end

-- A slot holds '<count>:<time of the last charge>'.
local function read(value)
  if not value then return 0, 0 end
  local count, last = string.match(value, '^(%d+):(%d+)$')
  return tonumber(count), tonumber(last)
end

-- The slots that may hold something, oldest first.
local function cells(key, window)
  local fields = {}
  for slot = window.oldest, window.oldest + slots + 1 do fields[#fields + 1] = window.prefix .. slot end
  return redis.call('HMGET', key, unpack(fields)), fields
end

-- Takes what has come back out of the total. What was charged in a slot comes back one window after the last charge.
local function turn(key, window)
  if window.total <= 0 or now < window.returns then return end
  local values, fields = cells(key, window)
  local gone, oldest = {}, nil
  for at, value in ipairs(values) do
    local count, last = read(value)
    if count > 0 and last + window.length <= now then
      window.total = window.total - count
      gone[#gone + 1] = fields[at]
    elseif count > 0 and not oldest then
      oldest = window.oldest + at - 1
      window.returns = last + window.length
    end
  end
  if #gone > 0 then redis.call('HDEL', key, unpack(gone)) end
  if oldest then window.oldest = oldest else window.total = 0 end
  window.changed = true
end

local function charge(key, window, amount, at)
  local slot = math.floor(at / window.slot_ms)
  local count, last = read(redis.call('HGET', key, window.prefix .. slot))
  last = math.max(last, at)
  redis.call('HSET', key, window.prefix .. slot, (count + amount) .. ':' .. last)
  if window.total <= 0 or slot <= window.oldest then
    window.oldest = slot
    window.returns = last + window.length
  end
  window.total = window.total + amount
  window.changed = true
end

local function refund(key, window, amount, at)
  local field = window.prefix .. math.floor(at / window.slot_ms)
  local count, last = read(redis.call('HGET', key, field))
  local back = math.min(count, amount)
  if back <= 0 then return end
  -- A slot that is empty again must not stay: 'turn' looks only at those since the oldest.
  if back == count then
    redis.call('HDEL', key, field)
  else
    redis.call('HSET', key, field, (count - back) .. ':' .. last)
  end
  window.total = window.total - back
  window.changed = true
end

-- Milliseconds until 'amount' tokens of the window have come back.
local function wait(key, window, amount)
  local back = 0
  for at, value in ipairs((cells(key, window))) do
    local count, last = read(value)
    back = back + count
    if back >= amount then return last + window.length - now end
  end
  return window.length
end

local function open(key, policy)
  local fields, windows = {}, {}
  for at = 1, #policy do
    fields[#fields + 1] = at .. ':t'
    fields[#fields + 1] = at .. ':o'
    fields[#fields + 1] = at .. ':r'
  end
  local values = redis.call('HMGET', key, unpack(fields))
  for at, bound in ipairs(policy) do
    windows[at] = { prefix = at .. ':', quota = bound[1], slot_ms = bound[2], length = bound[2] * slots, changed = false,
      total = tonumber(values[at * 3 - 2] or 0), oldest = tonumber(values[at * 3 - 1] or 0),
      returns = tonumber(values[at * 3] or 0) }
    turn(key, windows[at])
  end
  return windows
end

local function save(key, windows, longest_ms)
  local fields = {}
  for at, window in ipairs(windows) do
    if window.changed then
      fields[#fields + 1] = at .. ':t'
      fields[#fields + 1] = window.total
      fields[#fields + 1] = at .. ':o'
      fields[#fields + 1] = window.oldest
      fields[#fields + 1] = at .. ':r'
      fields[#fields + 1] = window.returns
    end
  end
  if #fields == 0 then return end
  redis.call('HSET', key, unpack(fields))
  redis.call('PEXPIRE', key, longest_ms)
end

local answers = {}
for index, entry in ipairs(request.entries) do
  local key = KEYS[index + 1]
  local policy = request.policies[entry[1] + 1]
  local need, extra, divisor, back, back_at = entry[2], entry[3], entry[4], entry[5], entry[6]
  local windows = open(key, policy.windows)
  local free = math.huge
  for at, window in ipairs(windows) do
    if back > 0 then refund(key, window, back, back_at) end
    local debt = entry[6 + at]
    if debt > 0 then charge(key, window, debt, now) end
    free = math.min(free, window.quota - window.total)
  end

  local granted = 0
  if free >= need then
    granted = need + math.max(0, math.min(extra, math.floor((free - need) / divisor)))
  elseif free > 0 then
    granted = free
  end

  local retry, answer = 0, { granted, 0 }
  for at, window in ipairs(windows) do
    if granted > 0 then charge(key, window, granted, now + policy.lease_ms) end
    local short = window.total + 1 - window.quota
    if short > 0 then retry = math.max(retry, wait(key, window, short)) end
    answer[#answer + 1] = window.total
    answer[#answer + 1] = window.total > 0 and window.returns - now or window.length
  end
  answer[2] = retry
  save(key, windows, policy.longest_ms)
  answers[index] = answer
end
return cjson.encode({ now = now, epoch = epoch, answers = answers })
`;
