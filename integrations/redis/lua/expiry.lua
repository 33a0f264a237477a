-- Holds that are overdue, and the set of those that the state has no room for.

local EXPIRED_AT_ONCE = 1000

local function freeExpired(account, start, list, at)
  add(account, start, HELD, list, at, -1)
  if account.state[CHARGES] == 1 then add(account, start, UNCONFIRMED, list, at, 1) end
end

-- Frees the holds that are overdue, or keeps them counting as unconfirmed under the policy `charge`.
local function expireHolds(account)
  local state, live, nearest = account.state, {}, 0
  account.isChanged = true
  for at = 1, #account.tail, HOLD_SIZE do
    local hold = { struct.unpack('<dddddddddd', account.tail, at + 16) }
    if hold[1] <= now then
      freeExpired(account, hold[10], hold, 1)
    else
      live[#live + 1] = string.sub(account.tail, at, at + HOLD_SIZE - 1)
      if nearest == 0 or hold[1] < nearest then nearest = hold[1] end
    end
  end
  account.tail = table.concat(live)
  if state[HAS_SET] == 1 then
    local leaving, count = account.leaving or {}, 0
    account.leaving = leaving
    repeat
      local due = redis.call('ZRANGEBYSCORE', account.holds, '-inf', now, 'LIMIT', count, EXPIRED_AT_ONCE)
      for _, member in ipairs(due) do
        local hold = { struct.unpack('<ddddddddd', member, 17) }
        freeExpired(account, hold[9], hold, 0)
        leaving[#leaving + 1] = member
      end
      count = count + #due
    until #due < EXPIRED_AT_ONCE
    local following = tonumber(redis.call('ZRANGE', account.holds, count, count, 'WITHSCORES')[2])
    if not following then state[HAS_SET] = 0 end
    if following and (nearest == 0 or following < nearest) then nearest = following end
  end
  state[DUE] = nearest
end

-- The set outlives each of its holds.
local function keepSet(key, ttl)
  if redis.call('PTTL', key) < ttl + REMEMBER_EXPIRED_MS then
    redis.call('PEXPIRE', key, string.format('%.0f', 2 * (ttl + REMEMBER_EXPIRED_MS)))
  end
end

local function inPieces(command, key, list)
  for from = 1, #list, EXPIRED_AT_ONCE do
    redis.call(command, key, unpack(list, from, math.min(#list, from + EXPIRED_AT_ONCE - 1)))
  end
end

local function saveSet(account)
  if account.leaving then inPieces('ZREM', account.holds, account.leaving) end
  if account.entering then
    inPieces('ZADD', account.holds, account.entering)
    keepSet(account.holds, account.longest)
  end
end

local function extendHold(account, name, start, record, ttl)
  local expiry = now + ttl
  local from = 1
  while true do
    local at = string.find(account.tail, name, from, true)
    if not at then break end
    if (at - 1) % HOLD_SIZE == 0 then
      account.tail = string.sub(account.tail, 1, at + 15) .. struct.pack('<d', expiry) .. string.sub(account.tail, at + 24)
      account.isChanged = true
      return
    end
    from = at + 1
  end
  if account.state[HAS_SET] == 1 then
    local member = name .. struct.pack('<ddddddddd', record[5], record[6], record[7], record[8], record[9], record[10], record[11], record[12], start)
    redis.call('ZADD', account.holds, 'XX', expiry, member)
    keepSet(account.holds, ttl)
  end
end
