-- The state of an account is one string, for it is read and written in every step: a head of fixed size, the first few holds,
-- the rest. In the script the head is a list:
--   1 born: tells an account from one that was erased and opened again
--   2 start of the current stretch
--   3 until when the server keeps the key; -1 is for good
--   4 mark of the limits of the last admission
--   5 the spend with which it stands in the index; -1 where it does not
--   6 a moment before which no hold expires; 0 where there is none
--   7 whether there is an adjustment, 8 anything unconfirmed or above its hold, 9 whether an expired hold goes on counting,
--   10 whether there are holds in the set of holds, 11 the length of the holds that follow
--   12-19 settled, 20-27 held
-- The rest is a packed table, only read when it is needed: late (unconfirmed and overage, 16 numbers), marks of alerts,
-- adjustment {until or 0, limits}, starts of the slots of a rolling window, limits of the last admission, names {scope, id,
-- tenant} where the keys hold only hashes.

local HEAD, HEAD_SIZE = '<ddddddBBBBI4dddddddddddddddd', 184
local BORN, START, KEPT, LIMITS_MARK, LISTED, DUE = 1, 2, 3, 4, 5, 6
local IS_ADJUSTED, IS_WIDE, CHARGES, HAS_SET, HOLD_BYTES, HEAD_COUNT = 7, 8, 9, 10, 11, 27
local SETTLED_AT, HELD_AT = 11, 19
local LIFETIME, CALENDAR, ROLLING = 0, 1, 2
-- Parts of the sums. In the head part p begins behind place 3 + 8p; late ones are in the rest.
local SETTLED, HELD, UNCONFIRMED, OVERAGE = 1, 2, 3, 4

-- 2025-01-01 in microseconds: what is born stays below 2^53 until 2042.
local EPOCH = 1735689600000000

-- What most steps do not need: see rare.lua.
local rare = {}

local function zeros(count)
  local list = {}
  for i = 1, count do list[i] = 0 end
  return list
end

local function restOf(account)
  if not account.rest then
    account.rest = account.packedRest ~= '' and cmsgpack.unpack(account.packedRest) or {}
  end
  return account.rest
end

local function changeRest(account)
  account.isRestChanged = true
  account.isChanged = true
  return restOf(account)
end

-- Where eight unconfirmed amounts stand, or nil where there are none.
local function lateOf(account)
  return account.state[IS_WIDE] == 1 and restOf(account).late or nil
end

-- Written out, for it is done several times for every account of every step.
local function addAmounts(target, base, list, at, sign)
  target[base + 1] = target[base + 1] + sign * list[at + 1]
  target[base + 2] = target[base + 2] + sign * list[at + 2]
  target[base + 3] = target[base + 3] + sign * list[at + 3]
  target[base + 4] = target[base + 4] + sign * list[at + 4]
  target[base + 5] = target[base + 5] + sign * list[at + 5]
  target[base + 6] = target[base + 6] + sign * list[at + 6]
  target[base + 7] = target[base + 7] + sign * list[at + 7]
  target[base + 8] = target[base + 8] + sign * list[at + 8]
end

-- Adds to (or, with sign -1, takes from) the stretch that began at `start`. A stretch that is over is not kept.
local function add(account, start, part, list, at, sign)
  if account.kind == ROLLING then
    if not rare.addToSlot(account, start, part, list, at, sign) then return end
  elseif account.state[START] ~= start then
    return
  end
  account.isChanged = true
  if part <= HELD then return addAmounts(account.state, 3 + 8 * part, list, at, sign) end
  rare.addLate(account, part, list, at, sign)
end
