-- What most steps do not need. A script makes its functions anew each time it is called: these are made when they are needed.

local function makeRare()
--- @include rolling.lua
--- @include limits.lua
--- @include alerts.lua
--- @include listing.lua
  return {
    addToSlot = addToSlot,
    addLate = addLate,
    openSlot = openSlot,
    leaveOldSlots = leaveOldSlots,
    saveSlots = saveSlots,
    startStretch = startStretch,
    openAccount = openAccount,
    keepLimits = keepLimits,
    adjust = adjust,
    adjustedList = adjustedList,
    misfit = misfit,
    closedGate = closedGate,
    pushAlerts = pushAlerts,
    findQuiet = findQuiet,
    list = list,
  }
end

setmetatable(rare, {
  __index = function(made, name)
    for key, value in pairs(makeRare()) do rawset(made, key, value) end
    return rawget(made, name)
  end,
})
