-- The state of an account is one flat list, packed, for it is read and written in every step:
--   1 born: tells an account from one that was erased and opened again
--   2 start of the current stretch
--   3 until when the server keeps the key; -1 is for good
--   4 mark of the limits of the last admission
--   5 the spend with which it stands in the index; -1 where it does not
--   6 earliest expiry in the set of holds; 0 where it is empty
--   7 whether there is an adjustment, 8 anything unconfirmed or above its hold, 9 whether an expired hold goes on counting
--   10 the rest, packed by itself and only read when it is needed, or an empty text
--   11-18 settled, 19-26 held
--   from 27 the first few holds, 11 places each: id, expiry, start, amounts. Further ones are in the set of holds.
-- the rest: late (unconfirmed and overage, 16 numbers), marks of alerts, adjustment {until or 0, limits}, starts of the slots
-- of a rolling window, limits of the last admission, names {scope, id, tenant} where the keys hold only hashes.

local BORN, START, KEPT, LIMITS_MARK, LISTED, DUE, IS_ADJUSTED, IS_WIDE, CHARGES, REST = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
local FIRST_HOLD, HOLD_SIZE, HOLDS_HERE_MOST = 27, 11, 2
local LIFETIME, CALENDAR, ROLLING = 0, 1, 2
-- Parts of the sums. In the state part p begins behind place 2 + 8p; late ones are in the rest.
local SETTLED, HELD, UNCONFIRMED, OVERAGE = 1, 2, 3, 4
local SETTLED_AT, HELD_AT = 10, 18

-- 2025-01-01 in microseconds: what is born stays below 2^53 until 2042.
local EPOCH = 1735689600000000

local function zeros(count)
  local list = {}
  for i = 1, count do list[i] = 0 end
  return list
end

local function restOf(account)
  if not account.rest then
    local packed = account.data[REST]
    account.rest = packed ~= '' and cmsgpack.unpack(packed) or {}
  end
  return account.rest
end

local function changeRest(account)
  account.isRestChanged = true
  account.isChanged = true
  return restOf(account)
end

local function newState(account)
  local state = zeros(26)
  state[BORN] = (microseconds - EPOCH) * 16 + account.number % 16
  state[START], state[LISTED], state[CHARGES], state[REST] = account.start, -1, account.charges, ''
  return state
end

local function addAmounts(target, base, list, at, sign)
  for d = 1, 8 do
    local amount = list[at + d]
    if amount ~= 0 then target[base + d] = target[base + d] + sign * amount end
  end
end

local function addToState(account, part, list, at, sign)
  account.isChanged = true
  local state = account.data
  if part <= HELD then return addAmounts(state, 2 + 8 * part, list, at, sign) end
  local rest = changeRest(account)
  rest.late = rest.late or zeros(16)
  state[IS_WIDE] = 1
  addAmounts(rest.late, 8 * (part - UNCONFIRMED), list, at, sign)
end

-- Where eight unconfirmed amounts stand, or nil where there are none.
local function lateOf(account)
  return account.data[IS_WIDE] == 1 and restOf(account).late or nil
end
