-- Health of every kind of vrsky.io, for Argo CD. docs/status.md says how to install it.
--
-- An old generation is never healthy: nothing is, before the operator has seen what is written, and
-- `Ready` counts for the generation that it describes.

local function health(status, message)
  return {status = status, message = message}
end

local generation = obj.metadata.generation

if obj.metadata.deletionTimestamp ~= nil then
  return health("Progressing", "being deleted")
end

if obj.status == nil or obj.status.conditions == nil then
  return health("Progressing", "waiting for the operator")
end

if obj.status.observedGeneration ~= generation then
  return health("Progressing", "waiting for the operator to see the change")
end

local is = {}
for _, condition in ipairs(obj.status.conditions) do
  if condition.status == "True" then
    is[condition.type] = condition
  end
end

local function told(condition)
  return condition.reason .. ": " .. condition.message
end

if is.Stalled then
  return health("Degraded", told(is.Stalled))
end

if is.Reconciling then
  return health("Progressing", told(is.Reconciling))
end

if not is.Ready or is.Ready.observedGeneration ~= generation then
  return health("Progressing", "not ready yet")
end

if is.Suspended then
  return health("Suspended", told(is.Suspended))
end

local message = told(is.Ready)
for _, kind in ipairs({"Degraded", "Backlogged", "DeadLettered", "Paused"}) do
  if is[kind] then
    message = message .. "; " .. kind .. ": " .. is[kind].message
  end
end
return health("Healthy", message)
