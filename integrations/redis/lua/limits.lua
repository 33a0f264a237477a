-- Opening an account, and limits: what an admission brings, what an adjustment puts in their place, and where they say no.
--
-- Limits are two numbers for each dimension that has one, dimension and ceiling, or, where a run has limits of its own or keeps
-- something back, five: dimension, ceiling, what of it is kept back, the guard's limit, the run's own. -1 is none.

local function openAccount(account)
  local state = zeros(HEAD_COUNT)
  state[BORN] = (microseconds - EPOCH) * 16 + account[NUMBER] % 16
  state[START], state[LISTED], state[CHARGES] = account[SINCE], -1, account[POLICY]
  account[STATE], account[REST] = state, {}
  account.isNew, account.isRewritten, account[IS_CHANGED] = true, true, true
  local named = account[NAMED]
  if named > 0 then changeRest(account).names = { ARGV[named], ARGV[named + 1], ARGV[named + 2] } end
end

-- The limits of a place in the request: the first and last place of them, and how many numbers each has.
local function limitsOf(base)
  local first = base + numbers[base + 5] + 6
  return first, first + numbers[base + 4] - 1, numbers[base + 3]
end

-- Remembers the limits of an admission, for those who list accounts.
local function keepLimits(account, base)
  account[STATE][LIMITS_MARK] = numbers[base + 2]
  local kept = { -1, -1, -1, -1, -1, -1, -1, -1 }
  local first, last, stride = limitsOf(base)
  for at = first, last, stride do kept[numbers[at]] = numbers[stride == 5 and at + 3 or at + 1] end
  changeRest(account).limits = kept
end

local function adjust(account, limits, untilMoment)
  local rest = changeRest(account)
  rest.adjustment = limits and { untilMoment, limits } or nil
  account[STATE][IS_ADJUSTED], account[STATE][LIMITS_MARK] = limits and 1 or 0, 0
end

-- The limits of an admission with an adjustment in their place: five numbers for each of the eight dimensions.
local function adjustedList(account, base)
  local adjusted = restOf(account).adjustment[2]
  local first, last, stride = limitsOf(base)
  local list = {}
  for d = 1, 8 do
    local limit, tighter, kept = -1, -1, 0
    for at = first, last, stride do
      if numbers[at] == d then
        if stride == 5 then
          kept, limit, tighter = numbers[at + 2], numbers[at + 3], numbers[at + 4]
        else
          limit = numbers[at + 1]
        end
      end
    end
    if adjusted[d] >= 0 then limit = adjusted[d] end
    local ceiling = limit
    if ceiling < 0 or (tighter >= 0 and tighter < ceiling) then ceiling = tighter end
    local n = #list
    list[n + 1], list[n + 2], list[n + 3], list[n + 4], list[n + 5] = d, ceiling, kept, limit, tighter
  end
  return list
end

-- The ceiling of a place in a dimension and what of it is kept back; -1 and 0 where it has none.
local function ceilingAt(ref, d)
  local list = ref[LIST]
  for at = ref[FIRST], ref[LAST], ref[STRIDE] do
    if list[at] == d then return list[at + 1], ref[STRIDE] == 5 and list[at + 2] or 0 end
  end
  return -1, 0
end

local function settledAt(ref, d)
  local late = lateOf(ref[OF])
  return ref[OF][STATE][SETTLED_AT + d] + (late and late[d] or 0)
end

-- Why an ask was refused: place, dimension, limit, settled, held, asked.
local function misfit(places, place, d, asked, isClosing)
  local ref = places[place]
  local ceiling, kept = ceilingAt(ref, d)
  return { place, d, isClosing and ceiling or ceiling - kept, settledAt(ref, d), ref[OF][STATE][HELD_AT + d], asked }
end

-- The shortfall at the first gate that is closed, or nil.
local function closedGate(ask, places, amounts)
  for at = ask.gatesAt, ask.gatesAt + 3 * ask.gates - 3, 3 do
    local place, d, below = numbers[at + 1], numbers[at + 2], numbers[at + 3]
    local ref = places[place]
    local limit = ref and ceilingAt(ref, d) or -1
    if limit >= 0 and settledAt(ref, d) + ref[OF][STATE][HELD_AT + d] + amounts[d] > limit * below then
      return misfit(places, place, d, amounts[d], ask.isClosing)
    end
  end
  return nil
end
