"""The part of the task queue's Lua scripts that decides whose task is leased next.

Start-time fair queueing (Goyal, Vin, Cheng 1996) over owners, by the time that their tasks held a worker: the
waiting owner that spent least is served. One that comes back starts at the clock, the spent time of the owner
served last, so that nobody saves up turns. A lease is charged in advance with the owner's pace, and its end
with the difference to the time that it took. The jobs of one owner take turns, one task each.

Time alone frees no worker that a long task holds, so an owner's part of the workers is bounded:

- while another owner waits that is below its own bound;
- if its tasks are long, also while another owner was seen lately: the next short task finds a worker free.

An owner is long while its pace is unknown or at least `long` milliseconds. The pace rises at once to a longer
task and falls slowly, by a tenth of the difference with each task.

All of this is an index over the stream. What is lost of it is found again: an entry that no list names by
`rebuild`, a count that is wrong by `recount`, an account by starting anew at the clock.
"""

from imagejobs_contract.wire import redis_keys

FIRST_CHARGE_MS = 1000
"""Charged for a task of an owner whose pace is unknown."""
MAX_CHARGE_MS = 3_600_000
"""At most this is charged for one task, whatever the server's clock does meanwhile."""
ACCOUNT_SECONDS = 3600
"""An owner that was not seen for this time is forgotten."""
MAX_OWNERS_PER_TAKE = 64
"""Owners that one call looks at. Those that it passes over hold their bound of the workers already, so that
there can be only as many as the inverse of their share.
"""
MAX_WORKERS = 5000
"""Workers whose slots are added up."""
MAX_TOKENS = 256
"""Calls for idle workers that may be outstanding; idle workers also look by themselves every second."""
REBUILD_ENTRIES = 1000
"""Entries that one call puts back into lists that were lost."""

FAIR = f"""
local owners_key, accounts_key = '{redis_keys.OWNERS}', '{redis_keys.ACCOUNTS}'
local seen_key, wake_key = '{redis_keys.SEEN}', '{redis_keys.WAKE}'
local leased_key, running_key = '{redis_keys.LEASED}', '{redis_keys.RUNNING}'
local CLOCK = ''

local function jobs(owner) return '{redis_keys.JOBS}' .. owner end
local function lane(uid) return '{redis_keys.LANE}' .. uid end
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)

local function account(owner)
  local spent, pace = string.match(redis.call('HGET', accounts_key, owner) or '', '^(%d+) (%d*)$')
  return tonumber(spent or 0), tonumber(pace or '')
end
local function keep_account(owner, spent, pace)
  local whole = string.format('%.0f', spent)
  redis.call('HSET', accounts_key, owner, whole .. ' ' .. (pace and string.format('%.0f', pace) or ''))
  redis.call('ZADD', seen_key, now_ms, owner)
  redis.call('ZADD', owners_key, 'XX', whole, owner)
end
local function clock() return tonumber(redis.call('HGET', accounts_key, CLOCK) or 0) end
local function forget_old()
  local oldest = now_ms - {ACCOUNT_SECONDS * 1000}
  for _, owner in ipairs(redis.call('ZRANGEBYSCORE', seen_key, '-inf', oldest, 'LIMIT', 0, 10)) do
    if redis.call('ZSCORE', owners_key, owner) or redis.call('HGET', running_key, owner) then
      redis.call('ZADD', seen_key, oldest + 1, owner)
    else
      redis.call('HDEL', accounts_key, owner)
      redis.call('ZREM', seen_key, owner)
    end
  end
end

local function enqueue(owner, uid, entry, push)
  if redis.call(push, lane(uid), entry) == 1 then
    redis.call('RPUSH', jobs(owner), uid)
    redis.call('EXPIRE', jobs(owner), {redis_keys.JOB_SECONDS})
  end
  redis.call('EXPIRE', lane(uid), {redis_keys.JOB_SECONDS})
  if not redis.call('ZSCORE', owners_key, owner) then
    forget_old()
    local spent, pace = account(owner)
    redis.call('ZADD', owners_key, 0, owner)
    keep_account(owner, math.max(spent, clock()), pace)
  end
  redis.call('ZADD', seen_key, now_ms, owner)
end
local function wake()
  if redis.call('LLEN', wake_key) < {MAX_TOKENS} then redis.call('RPUSH', wake_key, 1) end
end

local function owner_and_uid(fields)
  if fields[5] == 'owner' then return fields[6], fields[8] end
  local read, task = pcall(cjson.decode, fields[2])
  if not read or type(task) ~= 'table' then return '/', '' end
  return tostring(task.namespace) .. '/' .. tostring(task.caller or ''), tostring(task.uid)
end

local function record(owner, entry)
  local spent, pace = account(owner)
  local charge = math.max(1, pace or {FIRST_CHARGE_MS})
  if spent > clock() then redis.call('HSET', accounts_key, CLOCK, string.format('%.0f', spent)) end
  keep_account(owner, spent + charge, pace)
  redis.call('HSET', leased_key, entry, string.format('%.0f %.0f ', now_ms, charge) .. owner)
  redis.call('HINCRBY', running_key, owner, 1)
end
local function settle(entry, ended)
  local lease = redis.call('HGET', leased_key, entry) or ''
  local began, charge, owner = string.match(lease, '^(%d+) (%d+) (.*)$')
  if not owner then return end
  redis.call('HDEL', leased_key, entry)
  if redis.call('HINCRBY', running_key, owner, -1) <= 0 then redis.call('HDEL', running_key, owner) end
  local took = math.max(1, math.min({MAX_CHARGE_MS}, now_ms - began))
  local spent, pace = account(owner)
  if ended then pace = math.max(took, 0.9 * (pace or took) + 0.1 * took) end
  keep_account(owner, math.max(0, spent + took - charge), pace)
end
"""
"""Begins each script that sends, leases or ends a task.

`accounts` holds `<spent> <pace>` in milliseconds for each owner, and the clock under a name that none has.
`leased` holds `<began> <charge> <owner>` for each entry that a worker holds.
"""

CHOOSE = f"""
local function capacity(workers, slots, alive_seconds)
  local since = time[1] - alive_seconds
  local alive = redis.call('ZRANGEBYSCORE', workers, since, '+inf', 'LIMIT', 0, {MAX_WORKERS})
  if not alive[1] then return 0 end
  local sum = 0
  for _, count in ipairs(redis.call('HMGET', slots, unpack(alive))) do sum = sum + (tonumber(count) or 1) end
  return sum
end
local function recount(tasks, group, held)
  local leases = redis.call('HLEN', leased_key)
  local sum = 0
  for _, count in ipairs(redis.call('HVALS', running_key)) do sum = sum + count end
  if leases <= held and sum == leases then return end
  redis.call('DEL', running_key)
  local all = redis.call('HGETALL', leased_key)
  for n = 1, #all, 2 do
    local owner = string.match(all[n + 1], '^%d+ %d+ (.*)$')
    if owner and redis.call('XPENDING', tasks, group, all[n], all[n], 1)[1] then
      redis.call('HINCRBY', running_key, owner, 1)
    else
      redis.call('HDEL', leased_key, all[n])
    end
  end
end

local function next_entry(tasks, group, owner)
  local turns = jobs(owner)
  while true do
    local uid = redis.call('LPOP', turns)
    if not uid then
      redis.call('ZREM', owners_key, owner)
      return nil
    end
    local id = redis.call('LPOP', lane(uid))
    while id do
      local entry = redis.call('XRANGE', tasks, id, id)[1]
      if entry and not redis.call('XPENDING', tasks, group, id, id, 1)[1] then
        if redis.call('EXISTS', lane(uid)) == 1 then redis.call('RPUSH', turns, uid) end
        if redis.call('EXISTS', turns) == 0 then redis.call('ZREM', owners_key, owner) end
        return entry
      end
      id = redis.call('LPOP', lane(uid))
    end
  end
end

local function is_alone(owner, waiting, present_ms)
  if waiting[2] then return false end
  local since = now_ms - present_ms
  local seen = redis.call('ZCOUNT', seen_key, since, '+inf')
  local itself = tonumber(redis.call('ZSCORE', seen_key, owner) or 0) >= since and 1 or 0
  return seen == itself
end
local function is_long(owner, long_ms)
  local _, pace = account(owner)
  return not pace or pace >= long_ms
end

local function choose(tasks, group, rules)
  local waiting = redis.call('ZRANGE', owners_key, 0, {MAX_OWNERS_PER_TAKE - 1})
  if not waiting[1] then return nil end
  local passed_over, bound = {{}}, nil
  for _, owner in ipairs(waiting) do
    local running = tonumber(redis.call('HGET', running_key, owner) or 0)
    if running > 0 and not bound then
      local slots = rules.capacity()
      bound = math.max(1, math.min(slots - 1, math.floor(slots * rules.share)))
    end
    if running == 0 or running < bound then
      local entry = next_entry(tasks, group, owner)
      if entry then return owner, entry end
    else
      passed_over[#passed_over + 1] = owner
    end
  end
  for _, owner in ipairs(passed_over) do
    if is_alone(owner, waiting, rules.present_ms) or not is_long(owner, rules.long_ms) then
      local entry = next_entry(tasks, group, owner)
      if entry then return owner, entry end
    end
  end
end

local function rebuild(tasks, group, held)
  local leased, emptied = {{}}, {{}}
  for _, each in ipairs(redis.call('XPENDING', tasks, group, '-', '+', held + 1)) do
    leased[each[1]] = true
  end
  for _, each in ipairs(redis.call('XRANGE', tasks, '-', '+', 'COUNT', held + {REBUILD_ENTRIES})) do
    if not leased[each[1]] then
      local owner, uid = owner_and_uid(each[2])
      for _, list in ipairs({{lane(uid), jobs(owner)}}) do
        if not emptied[list] then redis.call('DEL', list) end
        emptied[list] = true
      end
      enqueue(owner, uid, each[1], 'RPUSH')
    end
  end
end
"""
"""What only the leasing of a task needs."""
