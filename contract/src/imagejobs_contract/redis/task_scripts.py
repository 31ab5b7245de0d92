"""The task queue's Lua scripts: changes that must happen as a whole or not at all.

Redis runs each one alone, from its first line to its last. Each begins with the names of its KEYS and ARGV;
the keys of the order are in `fair_scripts`.

The place of a task is its entry on the stream, from its sending to its end; the worker that has it is named
in the group's pending list. A script that ends a lease reads that list first (`owned`), so that a worker
whose lease went to another changes nothing: the fence. Times are the server's own.

`taken` in an entry counts the deliveries before it was released; the pending list counts those since.
"""

from imagejobs_contract.redis.fair_scripts import CHOOSE, FAIR

_OWNED = """
local function owned(tasks, group, consumer, entry)
  return redis.call('XPENDING', tasks, group, entry, entry, 1, consumer)[1]
end
"""
_REMOVE = """
local function remove(tasks, group, entry)
  redis.call('XACK', tasks, group, entry)
  redis.call('XDEL', tasks, entry)
end
"""

SEND = f"""{FAIR}
local tasks, sent, items = KEYS[1], KEYS[2], KEYS[3]
local index, task, seconds_to_live, owner, uid = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local attempt = tonumber(ARGV[6])
local known = redis.call('HGET', sent, index)
if known and redis.call('XRANGE', tasks, known, known)[1] then return 0 end
local read, outcome = pcall(cjson.decode, redis.call('HGET', items, index) or '')
if read and type(outcome) == 'table' and (tonumber(outcome.attempt) or 1) >= attempt then return 0 end
local entry = redis.call('XADD', tasks, '*', 'task', task, 'taken', 0, 'owner', owner, 'uid', uid)
redis.call('HSET', sent, index, entry)
redis.call('EXPIRE', sent, seconds_to_live)
enqueue(owner, uid, entry, 'RPUSH')
wake()
return 1
"""
"""Put a task on the stream unless it is there, or its outcome is known: two operators send it once."""

WAITING = """
local tasks, sent = KEYS[1], KEYS[2]
local found = {}
local entries = redis.call('HGETALL', sent)
for n = 1, #entries, 2 do
  local index, entry = entries[n], entries[n + 1]
  if redis.call('XRANGE', tasks, entry, entry)[1] then found[#found + 1] = index end
end
return found
"""
"""Return the indexes of a job's images whose entries are on the stream."""

CHANGED = """
-- KEYS: the stream, then places and outcomes of each job; ARGV: of each job, how many are known of both
local tasks, found = KEYS[1], {}
for n = 1, #ARGV / 2 do
  local waiting = 0
  for _, entry in ipairs(redis.call('HVALS', KEYS[2 * n])) do
    if redis.call('XRANGE', tasks, entry, entry)[1] then waiting = waiting + 1 end
  end
  local outcomes = redis.call('HLEN', KEYS[2 * n + 1])
  if waiting ~= tonumber(ARGV[2 * n - 1]) or outcomes ~= tonumber(ARGV[2 * n]) then
    found[#found + 1] = n - 1
  end
end
return found
"""
"""Return the numbers, from 0, of the jobs of which something else is there than is known."""

CANCEL = f"""{FAIR}{_REMOVE}
local tasks, sent = KEYS[1], KEYS[2]
local group, uid = ARGV[1], ARGV[2]
for _, entry in ipairs(redis.call('HVALS', sent)) do
  remove(tasks, group, entry)
  settle(entry, false)
end
redis.call('DEL', sent, lane(uid))
"""
"""Remove all tasks of a job from the stream; its owner pays for the time that workers had them."""

TAKE = f"""{FAIR}{CHOOSE}
local tasks, workers, slots = KEYS[1], KEYS[2], KEYS[3]
local group, consumer, alive_seconds = ARGV[1], ARGV[2], ARGV[3]
local held = redis.call('XPENDING', tasks, group)[1]
local rules = {{share = tonumber(ARGV[4]), long_ms = tonumber(ARGV[5]), present_ms = tonumber(ARGV[6])}}
function rules.capacity() return capacity(workers, slots, alive_seconds) end
recount(tasks, group, held)
local owner, entry = choose(tasks, group, rules)
if not entry and redis.call('EXISTS', owners_key) == 0 and redis.call('XLEN', tasks) > held then
  rebuild(tasks, group, held)
  owner, entry = choose(tasks, group, rules)
end
if not entry then
  redis.call('DEL', wake_key)
  return false
end
redis.call('XCLAIM', tasks, group, consumer, 0, entry[1], 'RETRYCOUNT', 1, 'FORCE', 'LASTID', entry[1])
record(owner, entry[1])
return {{entry[1], entry[2], now_ms}}
"""
"""Lease the task whose turn it is: entry, fields, the time in milliseconds; false if none may be taken.

LASTID, so that a worker of the release before, which reads the stream in its order, passes over what is
leased.
"""

CLAIM = f"""{FAIR}
local tasks, workers, slots = KEYS[1], KEYS[2], KEYS[3]
local group, consumer, lease_ms, parallel = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
redis.call('ZADD', workers, redis.call('TIME')[1], consumer)
redis.call('HSET', slots, consumer, parallel)
while true do
  local idle = redis.call('XPENDING', tasks, group, 'IDLE', lease_ms, '-', '+', 100)
  if #idle == 0 then return false end
  for _, each in ipairs(idle) do
    local id, deliveries = each[1], each[4]
    local entry = redis.call('XRANGE', tasks, id, id)[1]
    if entry then
      redis.call('XCLAIM', tasks, group, consumer, 0, id)
      settle(id, false)
      record(owner_and_uid(entry[2]), id)
      return {{id, entry[2], now_ms, deliveries + 1}}
    end
    redis.call('XACK', tasks, group, id)
    settle(id, false)
  end
end
"""
"""Record that a worker lives and how many tasks it takes at once, and lease it the oldest task whose lease
ran out: entry, fields, the time in milliseconds, deliveries.

XPENDING is used, not XAUTOCLAIM: XAUTOCLAIM returns early with a cursor when the idle entry is behind many
fresh ones, and for entries that were deleted while pending it gives nil without an id on Redis 6.2, a third
element on 7. XPENDING is plain on both: an entry that is no longer on the stream is acknowledged, whatever
the version.
"""

EXTEND = f"""{_OWNED}
local tasks, workers = KEYS[1], KEYS[2]
local group, consumer, entry = ARGV[1], ARGV[2], ARGV[3]
redis.call('ZADD', workers, redis.call('TIME')[1], consumer)
if not owned(tasks, group, consumer, entry) then return 0 end
return #redis.call('XCLAIM', tasks, group, consumer, 0, entry, 'JUSTID')
"""
"""Start the lease anew. JUSTID, because the delivery count must not grow."""

ACK = f"""{FAIR}{_OWNED}{_REMOVE}
local tasks, sent, items, done = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local group, consumer, entry = ARGV[1], ARGV[2], ARGV[3]
local index, outcome, seconds_to_live, max_length = ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local namespace, name, uid = ARGV[8], ARGV[9], ARGV[10]
if not owned(tasks, group, consumer, entry) then return 0 end
redis.call('HSET', items, index, outcome)
redis.call('EXPIRE', items, seconds_to_live)
if redis.call('HGET', sent, index) == entry then redis.call('HDEL', sent, index) end
remove(tasks, group, entry)
settle(entry, true)
local left = redis.call('HLEN', sent)
redis.call('XADD', done, 'MAXLEN', '~', max_length, '*',
  'namespace', namespace, 'name', name, 'uid', uid, 'outcome', outcome, 'left', left)
return 1
"""
"""Record an outcome, remove its task, and wake the operator with the facts that it would otherwise read: the
outcome, and how many tasks of the job are left.
"""

RELEASE = f"""{FAIR}{_OWNED}{_REMOVE}
local tasks, sent = KEYS[1], KEYS[2]
local group, consumer, entry, index, seconds_to_live = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local mine = owned(tasks, group, consumer, entry)
local there = redis.call('XRANGE', tasks, entry, entry)[1]
if not mine or not there then return 0 end
remove(tasks, group, entry)
settle(entry, false)
local task, taken = there[2][2], there[2][4]
local owner, uid = owner_and_uid(there[2])
local again = redis.call('XADD', tasks, '*',
  'task', task, 'taken', taken + mine[4] - 1, 'owner', owner, 'uid', uid)
redis.call('HSET', sent, index, again)
redis.call('EXPIRE', sent, seconds_to_live)
enqueue(owner, uid, again, 'LPUSH')
wake()
return 1
"""
"""Put a task whose work was not ended on the stream again, as a new entry: the next one of its job."""

WORKERS = """
local tasks, workers, slots = KEYS[1], KEYS[2], KEYS[3]
local group, seconds, forget_ms = ARGV[1], ARGV[2], tonumber(ARGV[3])
local gone = '(' .. redis.call('TIME')[1] - seconds
for _, name in ipairs(redis.call('ZRANGEBYSCORE', workers, '-inf', gone)) do
  redis.call('HDEL', slots, name)
end
redis.call('ZREMRANGEBYSCORE', workers, '-inf', gone)
local consumers = redis.pcall('XINFO', 'CONSUMERS', tasks, group)
for _, each in ipairs(consumers.err and {} or consumers) do
  local name, pending, idle = each[2], each[4], each[6]
  if pending == 0 and idle > forget_ms then redis.call('XGROUP', 'DELCONSUMER', tasks, group, name) end
end
return redis.call('ZCARD', workers)
"""
"""Count the workers seen in the last seconds, and delete consumers that were idle for long, which the group
would keep for ever.
"""
