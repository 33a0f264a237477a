-- The state of an account is one string, for it is read and written in every step: a head, of which most steps write the first
-- 171 bytes anew, and what few have. In the script the head is a list:
--   1 born: tells an account from one that was erased and opened again
--   2 start of the current stretch
--   3 until when the server keeps the key; -1 is for good
--   4 mark of the limits of the last admission; 0 where the last eight are to be found anew
--   5 the spend with which it stands in the index; -1 where it does not
--   6 whether there is an adjustment, 7 anything unconfirmed or above its hold, 8 whether an expired hold goes on counting
--   9-16 settled, 17-24 held
--   25-32 below what is settled no alert is due (see alerts.lua)
-- Then, where 7 says so, unconfirmed and overage (16 numbers), and a packed table that is only read when it is needed: marks of
-- alerts, adjustment {until or 0, limits}, starts of the slots of a rolling window, limits of the last admission, names {scope,
-- id, tenant} where the keys hold only hashes.

local HEAD, HEAD_SIZE = '<dddddBBBdddddddddddddddddddddddd', 235
local WRITTEN, WRITTEN_SIZE, WRITTEN_COUNT = '<dddddBBBdddddddddddddddd', 171, 24
local LATE, LATE_SIZE = '<dddddddddddddddd', 128
local BORN, START, KEPT, LIMITS_MARK, LISTED = 1, 2, 3, 4, 5
local IS_ADJUSTED, IS_WIDE, CHARGES, HEAD_COUNT = 6, 7, 8, 32
local SETTLED_AT, HELD_AT, QUIET_AT = 8, 16, 24
local LIFETIME, CALENDAR, ROLLING = 0, 1, 2

-- An account in the script is a list, too: its number, the key of its state, its kind of window, how long it outlives it, whether
-- an expired hold goes on counting, where its names stand in ARGV (or 0), its registry and its index (false where they were not
-- sent), the stretch that holds the moment, its late sums and its rest as they are packed, its state (or false), its rest (or
-- false where it was not needed yet), and what this script did with it. Whatever few have is in fields; `isRewritten` says that
-- more of it is to be written than the first part of its head.
local NUMBER, KEY, KIND, RETENTION, POLICY, NAMED, REGISTRY, INDEX = 1, 2, 3, 4, 5, 6, 7, 8
local SINCE, UNTIL, PACKED_LATE, PACKED_REST, STATE, REST, IS_CHANGED, IS_SPENT, TURN = 9, 10, 11, 12, 13, 14, 15, 16, 17
-- A place in a list of accounts is a list, too: its account, where its part of the request begins, and its limits as a list, the
-- first and last place of them in it, and how many numbers each has: dimension and ceiling, or five (see limits.lua).
local OF, BASE, LIST, FIRST, LAST, STRIDE = 1, 2, 3, 4, 5, 6
-- Parts of the sums. In the head part p begins behind place 8p; late ones are by themselves.
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
  account.isRestChanged, account.isRewritten = true, true
  account[IS_CHANGED] = true
  return restOf(account)
end

-- Unconfirmed and overage, or nil where there is neither.
local function lateOf(account)
  if account[STATE][IS_WIDE] ~= 1 then return nil end
  account.late = account.late or { struct.unpack(LATE, account[PACKED_LATE]) }
  return account.late
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
  if part <= HELD then return (sign > 0 and plus or minus)(account[STATE], 8 * part, list, at) end
  rare.addLate(account, part, list, at, sign)
end
