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

-- An account in the script is a list, too: its number, the key of its state, its kind of window, how long it outlives it, whether
-- an expired hold goes on counting, where its names stand in ARGV (or 0), its other keys (false where they were not sent), the stretch that holds the moment, its
-- holds and its rest as they are packed, its state (or false), its rest (or false where it was not needed yet), and what this
-- script did with it. Whatever few have is in fields.
local NUMBER, KEY, KIND, RETENTION, POLICY, NAMED, REGISTRY, HOLDS, INDEX = 1, 2, 3, 4, 5, 6, 7, 8, 9
local SINCE, UNTIL, TAIL, PACKED_REST, STATE, REST, IS_CHANGED, IS_SPENT, TURN = 10, 11, 12, 13, 14, 15, 16, 17, 18
-- A place in a list of accounts is a list, too: its account, where its part of the request begins, and its limits as a list, the
-- first and last place of them in it, and how many numbers each has: dimension and ceiling, or five (see limits.lua).
local OF, BASE, LIST, FIRST, LAST, STRIDE = 1, 2, 3, 4, 5, 6
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
  if not account[REST] then
    account[REST] = account[PACKED_REST] ~= '' and cmsgpack.unpack(account[PACKED_REST]) or {}
  end
  return account[REST]
end

local function changeRest(account)
  account.isRestChanged = true
  account[IS_CHANGED] = true
  return restOf(account)
end

-- Where eight unconfirmed amounts stand, or nil where there are none.
local function lateOf(account)
  return account[STATE][IS_WIDE] == 1 and restOf(account).late or nil
end

-- Written out, for it is done several times for every account of every step.
local function plus(target, base, list, at)
  target[base + 1] = target[base + 1] + list[at + 1]
  target[base + 2] = target[base + 2] + list[at + 2]
  target[base + 3] = target[base + 3] + list[at + 3]
  target[base + 4] = target[base + 4] + list[at + 4]
  target[base + 5] = target[base + 5] + list[at + 5]
  target[base + 6] = target[base + 6] + list[at + 6]
  target[base + 7] = target[base + 7] + list[at + 7]
  target[base + 8] = target[base + 8] + list[at + 8]
end

local function minus(target, base, list, at)
  target[base + 1] = target[base + 1] - list[at + 1]
  target[base + 2] = target[base + 2] - list[at + 2]
  target[base + 3] = target[base + 3] - list[at + 3]
  target[base + 4] = target[base + 4] - list[at + 4]
  target[base + 5] = target[base + 5] - list[at + 5]
  target[base + 6] = target[base + 6] - list[at + 6]
  target[base + 7] = target[base + 7] - list[at + 7]
  target[base + 8] = target[base + 8] - list[at + 8]
end

-- Adds to (or, with sign -1, takes from) the stretch that began at `start`. A stretch that is over is not kept.
local function add(account, start, part, list, at, sign)
  if account[KIND] == ROLLING then
    if not rare.addToSlot(account, start, part, list, at, sign) then return end
  elseif account[STATE][START] ~= start then
    return
  end
  account[IS_CHANGED] = true
  if part <= HELD then return (sign > 0 and plus or minus)(account[STATE], 3 + 8 * part, list, at) end
  rare.addLate(account, part, list, at, sign)
end
