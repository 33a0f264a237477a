-- Holds that are overdue, and the set of those that the state has no room for.

local EXPIRED_AT_ONCE = 1000

local function holdMember(name, record, start)
  return name .. struct.pack('<ddddddddd', record[5], record[6], record[7], record[8], record[9], record[10], record[11], record[12], start)
end

local function enterSet(account, packed, expiry, ttl)
  local entering = account.entering or {}
  account.entering, account[STATE][HAS_SET] = entering, 1
  entering[#entering + 1] = expiry
  entering[#entering + 1] = string.sub(packed, 1, 16) .. string.sub(packed, 25, HOLD_SIZE) .. struct.pack('<d', account[SINCE])
  if not account.longest or ttl > account.longest then account.longest = ttl end
end

local function freeExpired(account, start, list, at)
  add(account, start, HELD, list, at, -1)
  if account[STATE][CHARGES] == 1 then add(account, start, UNCONFIRMED, list, at, 1) end
end

-- Frees the holds that are overdue, or keeps them counting as unconfirmed under the policy `charge`.
local function expireHolds(account)
  local state, live, nearest = account[STATE], {}, 0
  account[IS_CHANGED] = true
  local isRolling, tail = account[KIND] == ROLLING, account[TAIL]
  local size, format = isRolling and ROLLING_HOLD_SIZE or HOLD_SIZE, isRolling and '<dddddddddd' or '<ddddddddd'
  for at = 1, #tail, size do
    local hold = { struct.unpack(format, tail, at + 16) }
    if hold[1] <= now then
      freeExpired(account, isRolling and hold[10] or state[START], hold, 1)
    else
      live[#live + 1] = string.sub(tail, at, at + size - 1)
      if nearest == 0 or hold[1] < nearest then nearest = hold[1] end
    end
  end
  account[TAIL] = table.concat(live)
  if state[HAS_SET] == 1 then
    local leaving, count = account.leaving or {}, 0
    account.leaving = leaving
    repeat
      local due = redis.call('ZRANGEBYSCORE', account[HOLDS], '-inf', now, 'LIMIT', count, EXPIRED_AT_ONCE)
      for _, member in ipairs(due) do
        local hold = { struct.unpack('<ddddddddd', member, 17) }
        freeExpired(account, hold[9], hold, 0)
        leaving[#leaving + 1] = member
      end
      count = count + #due
    until #due < EXPIRED_AT_ONCE
    local following = tonumber(redis.call('ZRANGE', account[HOLDS], count, count, 'WITHSCORES')[2])
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
  if account.leaving then inPieces('ZREM', account[HOLDS], account.leaving) end
  if account.entering then
    inPieces('ZADD', account[HOLDS], account.entering)
    keepSet(account[HOLDS], account.longest)
  end
end

local function extendHold(account, name, start, record, ttl)
  local expiry, tail, from = now + ttl, account[TAIL], 1
  local size = account[KIND] == ROLLING and ROLLING_HOLD_SIZE or HOLD_SIZE
  while true do
    local at = string.find(tail, name, from, true)
    if not at then break end
    if (at - 1) % size == 0 then
      account[TAIL] = string.sub(tail, 1, at + 15) .. struct.pack('<d', expiry) .. string.sub(tail, at + 24)
      account[IS_CHANGED] = true
      return
    end
    from = at + 1
  end
  if account[STATE][HAS_SET] == 1 then
    redis.call('ZADD', account[HOLDS], 'XX', expiry, holdMember(name, record, start))
    keepSet(account[HOLDS], ttl)
  end
end
