-- Whether an ask fits into all accounts at once, and with how many units: decides as `fit` of the core does.

-- Reads what the request says of one place in its list of accounts.
local function nextRef()
  local ref = { account = nextNumber(), limits = nextAmounts(), tighter = nextOptionalAmounts(), kept = nextOptionalAmounts(), alerts = {} }
  for i = 1, nextNumber() do ref.alerts[i] = nextNumber() end
  return ref
end

local function nextAsk()
  local ask = { base = nextAmounts(), perUnit = nextOptionalAmounts(), wanted = nextNumber(), least = nextNumber() }
  ask.yields = nextOptionalAmounts()
  ask.isClosing = nextNumber() == 1
  ask.gates = {}
  for i = 1, nextNumber() do ask.gates[i] = { ref = nextNumber(), dimension = nextNumber(), below = nextNumber() } end
  return ask
end

local function ceilingsOf(ref, account)
  local limits = adjustedLimits(account, ref.limits)
  if not ref.tighter then return limits end
  local ceilings = {}
  for d = 1, 8 do
    local limit, tighter = limits[d], ref.tighter[d]
    if limit < 0 or (tighter >= 0 and tighter < limit) then limit = tighter end
    ceilings[d] = limit
  end
  return ceilings
end

local function usedIn(sums, d)
  return sums[d] + sums[UNCONFIRMED + d] + sums[HELD + d]
end

-- The limit that an ask meets; -1 where there is none. Only a closing step may use what is kept back.
local function limitIn(ref, d, isClosing)
  local limit = ref.ceilings[d]
  if limit < 0 or isClosing or not ref.kept or ref.kept[d] < 0 then return limit, limit >= 0 end
  return limit - ref.kept[d], true
end

local function misfit(place, ref, d, asked, isClosing)
  local limit = limitIn(ref, d, isClosing)
  local sums = ref.sums
  return { place = place, dimension = d, limit = limit, settled = sums[d] + sums[UNCONFIRMED + d], held = sums[HELD + d], asked = asked }
end

-- Returns amounts and units, or nil and the shortfall.
local function fit(ask, refs)
  local least = math.min(ask.least, ask.wanted)
  local units, yielded = ask.wanted, {}
  for d = 1, 8 do
    local base, each = ask.base[d], ask.perUnit and ask.perUnit[d] or 0
    if base ~= 0 or each ~= 0 then
      local left, tightest
      for place, ref in ipairs(refs) do
        local limit, isLimited = limitIn(ref, d, ask.isClosing)
        if isLimited then
          local room = limit - usedIn(ref.sums, d)
          if not left or room < left then left, tightest = room, place end
        end
      end
      if left and ask.yields and ask.yields[d] == 1 then
        if left < 1 then return nil, misfit(tightest, refs[tightest], d, base, ask.isClosing) end
        yielded[d] = math.min(base, left)
      elseif left then
        local atLeast = base + each * least
        if atLeast > left then return nil, misfit(tightest, refs[tightest], d, atLeast, ask.isClosing) end
        if each > 0 then units = math.min(units, math.floor((left - base) / each)) end
      end
    end
  end
  local amounts = {}
  for d = 1, 8 do amounts[d] = yielded[d] or ask.base[d] + (ask.perUnit and ask.perUnit[d] * units or 0) end
  for _, gate in ipairs(ask.gates) do
    local ref, d = refs[gate.ref], gate.dimension
    local limit = ref and ref.ceilings[d] or -1
    if limit >= 0 and usedIn(ref.sums, d) + amounts[d] > limit * gate.below then
      return nil, misfit(gate.ref, ref, d, amounts[d], ask.isClosing)
    end
  end
  return amounts, units
end
