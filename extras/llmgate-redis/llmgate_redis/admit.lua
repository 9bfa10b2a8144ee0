-- Decides of each call whether it may be made, and counts what it is thought to use: all or nothing.
--
-- ARGV[1]: calls, each {id, ms of its lease, ms that it may be admitted ahead of its time, groups}.
-- A group: {usage key, rates, leases key or 0, most leases, budgets}; keys are numbers into KEYS.
-- A rate: {name, ms that it may be early, ms that the call takes up}. A budget: {name, totals key,
-- reservations key, most, estimate, ms until its period is over}; amounts of it are whole numbers.
-- Returns for each call {1, ms to wait}, or {0, number of the group, what refuses, ms or -1, and of
-- a budget what is spent and held}.
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000

-- A key lives until the last thing in it is over: never shorter than it would without this call.
local function keep(key, ms)
  if redis.call('PTTL', key) < ms then redis.call('PEXPIRE', key, math.ceil(ms)) end
end

-- 'held until' is when the next call may go after a pause, or while calls are paced.
local function usage(group)
  local names = {'held until'}
  for _, rate in ipairs(group[2]) do names[#names + 1] = rate[1] end
  return redis.call('HMGET', KEYS[group[1]], unpack(names))
end

-- How long a group makes a call wait, and which of its rates does.
local function delay_of(group, known)
  local delay, which = tonumber(known[1] or 0) - now, 'the provider'
  for n, rate in ipairs(group[2]) do
    local wait = tonumber(known[n + 1] or 0) - rate[2] - now
    if wait > delay then delay, which = wait, rate[1] end
  end
  return delay, which
end

local function is_full(group)
  if group[3] == 0 then return false end
  redis.call('ZREMRANGEBYSCORE', KEYS[group[3]], '-inf', now)
  return redis.call('ZCARD', KEYS[group[3]]) >= group[4]
end

-- What a reservation holds, to be taken off.
local function less(member)
  return string.format('%.0f', 0 - tonumber(string.match(member, '[^|]*$')))
end

-- What processes that are gone had reserved is free again when their leases are over.
local function sweep(totals, reservations)
  local gone = redis.call('ZRANGEBYSCORE', reservations, '-inf', now)
  for _, member in ipairs(gone) do
    redis.call('HINCRBY', totals, 'held', less(member))
    redis.call('ZREM', reservations, member)
  end
end

-- What is spent and held, where too little is left.
local function overspent(budget)
  local totals = KEYS[budget[2]]
  sweep(totals, KEYS[budget[3]])
  local known = redis.call('HMGET', totals, 'spent', 'held')
  local used = tonumber(known[1] or 0) + tonumber(known[2] or 0)
  if used + budget[5] > budget[4] then return string.format('%.0f', used) end
end

-- Let the next call go later: as the provider's headers say, or else faster and faster, as far as
-- the rate of requests allows.
local function release(group, known, fields)
  local pace = redis.call('HMGET', KEYS[group[1]], 'gap', 'paced until', 'released')
  local start, gap = math.max(tonumber(known[1]), now), 0
  if start < tonumber(pace[2] or 0) then
    gap = tonumber(pace[1])
  elseif tonumber(known[1]) > now then
    local released, interval = tonumber(pace[3] or 0) + 1, 0
    for _, rate in ipairs(group[2]) do
      if rate[1] == 'requests' then interval = rate[3] end
    end
    gap = math.max(interval, 500 * math.log(1 + 1 / released) / math.log(2))
    fields[#fields + 1] = 'released'
    fields[#fields + 1] = released
  end
  if gap == 0 then return 0 end
  fields[#fields + 1] = 'held until'
  fields[#fields + 1] = string.format('%.3f', start + gap)
  return start + gap
end

local function count(call, group, known, delay)
  local fields = {}
  local last = known[1] and release(group, known, fields) or 0
  for n, rate in ipairs(group[2]) do
    local at = math.max(tonumber(known[n + 1] or 0), now) + rate[3]
    fields[#fields + 1] = rate[1]
    fields[#fields + 1] = string.format('%.3f', at)
    last = math.max(last, at)
  end
  if #fields > 0 then
    redis.call('HSET', KEYS[group[1]], unpack(fields))
    keep(KEYS[group[1]], last - now + 1000)
  end
  local lease = delay + call[2]
  if group[3] ~= 0 then
    redis.call('ZADD', KEYS[group[3]], now + lease, call[1])
    keep(KEYS[group[3]], lease)
  end
  for _, budget in ipairs(group[5]) do
    local amount = string.format('%.0f', budget[5])
    redis.call('HINCRBY', KEYS[budget[2]], 'held', amount)
    redis.call('ZADD', KEYS[budget[3]], now + lease, call[1] .. '|' .. amount)
    keep(KEYS[budget[2]], budget[6] + 60000)
    keep(KEYS[budget[3]], math.max(budget[6], lease) + 60000)
  end
end

local function decide(call)
  local known, delay, which, number = {}, 0, '', 0
  for n, group in ipairs(call[4]) do
    known[n] = usage(group)
    local wait, by = delay_of(group, known[n])
    if wait > delay then delay, which, number = wait, by, n end
  end
  if delay > call[3] then return {0, number, which, math.ceil(delay)} end
  for n, group in ipairs(call[4]) do
    if is_full(group) then return {0, n, 'concurrency', -1} end
    for _, budget in ipairs(group[5]) do
      local used = overspent(budget)
      if used then return {0, n, budget[1], math.ceil(budget[6]), used} end
    end
  end
  for n, group in ipairs(call[4]) do count(call, group, known[n], delay) end
  return {1, math.ceil(delay)}
end

local decisions = {}
for n, call in ipairs(cjson.decode(ARGV[1])) do decisions[n] = decide(call) end
return decisions
