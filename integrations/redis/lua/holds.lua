-- What is held in an account: the first few holds in its state, further ones in a set ordered by expiry.

-- How long a hold that expired is remembered, so that a late settlement finds the stretch in which it was made.
local REMEMBER_EXPIRED_MS = 24 * 3600 * 1000
local EXPIRED_AT_ONCE = 1000

-- A hold as a member of the set: all that its expiry needs.
local function holdMember(start, list, at, id)
  return struct.pack('<ddddddddd', start, unpack(list, at + 1, at + 8)) .. id
end

-- The set outlives each of its holds.
local function keepSet(key, ttl)
  if redis.call('PTTL', key) < ttl + REMEMBER_EXPIRED_MS then
    redis.call('PEXPIRE', key, string.format('%.0f', 2 * (ttl + REMEMBER_EXPIRED_MS)))
  end
end

local function placeOfHold(state, id)
  for place = FIRST_HOLD, #state, HOLD_SIZE do
    if state[place] == id then return place end
  end
  return nil
end

local function dropPlace(state, place)
  local last = #state - HOLD_SIZE + 1
  for offset = 0, HOLD_SIZE - 1 do
    state[place + offset] = state[last + offset]
  end
  for offset = 0, HOLD_SIZE - 1 do
    state[last + offset] = nil
  end
end

local function freeExpired(account, start, list, at)
  add(account, start, HELD, list, at, -1)
  if account.data[CHARGES] == 1 then add(account, start, UNCONFIRMED, list, at, 1) end
end

-- Frees the holds that are overdue, or keeps them counting as unconfirmed under the policy `charge`.
local function expireHolds(account)
  local state = account.data
  for place = #state - HOLD_SIZE + 1, FIRST_HOLD, -HOLD_SIZE do
    if state[place + 1] <= now then
      freeExpired(account, state[place + 2], state, place + 2)
      dropPlace(state, place)
      account.isChanged = true
    end
  end
  while state[DUE] > 0 and state[DUE] <= now do
    account.isChanged = true
    local due = redis.call('ZRANGEBYSCORE', account.holds, '-inf', now, 'LIMIT', 0, EXPIRED_AT_ONCE)
    for _, member in ipairs(due) do
      local hold = { struct.unpack('<ddddddddd', member) }
      freeExpired(account, hold[1], hold, 1)
    end
    if #due > 0 then redis.call('ZREM', account.holds, unpack(due)) end
    local nearest = redis.call('ZRANGE', account.holds, 0, 0, 'WITHSCORES')
    state[DUE] = tonumber(nearest[2]) or 0
  end
end

-- Holds amounts in the current stretch.
local function hold(account, id, amounts, ttl)
  local state, expiry = account.data, now + ttl
  add(account, account.start, HELD, amounts, 0, 1)
  local place = #state + 1
  if place < FIRST_HOLD + HOLDS_HERE_MOST * HOLD_SIZE then
    state[place], state[place + 1], state[place + 2] = id, expiry, account.start
    for d = 1, 8 do state[place + 2 + d] = amounts[d] end
    return
  end
  redis.call('ZADD', account.holds, expiry, holdMember(account.start, amounts, 0, id))
  keepSet(account.holds, ttl)
  if state[DUE] == 0 or expiry < state[DUE] then state[DUE] = expiry end
end

-- Takes a hold off the books, live or (under the policy `charge`) expired.
local function unhold(account, id, start, list, at)
  local state = account.data
  local place = placeOfHold(state, id)
  if place then
    dropPlace(state, place)
  elseif state[DUE] == 0 or redis.call('ZREM', account.holds, holdMember(start, list, at, id)) == 0 then
    if state[CHARGES] == 1 then add(account, start, UNCONFIRMED, list, at, -1) end
    return
  end
  add(account, start, HELD, list, at, -1)
end

local function extendHold(account, id, start, list, at, ttl)
  local state = account.data
  local place = placeOfHold(state, id)
  if place then
    state[place + 1] = now + ttl
    account.isChanged = true
  else
    redis.call('ZADD', account.holds, 'XX', now + ttl, holdMember(start, list, at, id))
    keepSet(account.holds, ttl)
  end
end
