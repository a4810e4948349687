--- `:checkhealth foretell`
local config = require('foretell.config')
local foretell = require('foretell')
local keys = require('foretell.keys')
local server = require('foretell.server')

local M = {}

--- How long the report waits for `foretell doctor --quick`, in ms. It usually takes about 100 ms.
local DOCTOR_TIMEOUT_MS = 10000

local function check_editor()
  vim.health.start('foretell: editor')
  if vim.fn.has('nvim-0.10') == 1 then
    vim.health.ok('Neovim ' .. tostring(vim.version()))
  else
    vim.health.error('Neovim 0.10 or later is required')
  end
  for name, key in pairs(config.current.keys or {}) do
    local mode = keys.mode(name)
    local map = key and mode and vim.fn.maparg(key, mode, false, true)
    if map and not vim.startswith(map.desc or '', 'Foretell') then
      local found = map.desc or map.rhs or 'none'
      local advice = ("set another key for `%s`, or call require('foretell').%s() in that mapping"):format(
        name,
        name
      )
      vim.health.warn(('%s has another mapping: %s'):format(key, found), { advice })
    end
  end
end

--- Reports one check of `foretell doctor --json`, with its details as further lines.
---@param check { name: string, mark: string, text: string, details: string[], to_do?: string }
function M.report(check)
  local lines = vim.list_extend({ check.name .. ': ' .. check.text }, check.details)
  local message = table.concat(lines, '\n')
  local advice = type(check.to_do) == 'string' and { check.to_do } or nil
  if check.mark == 'bad' then
    vim.health.error(message, advice)
  elseif check.mark == 'attention' then
    vim.health.warn(message, advice)
  elseif check.mark == 'good' then
    vim.health.ok(message)
  else
    vim.health.info(message)
  end
end

---@param program string
local function check_installation(program)
  local command = { program, 'doctor', '--json', '--quick' }
  local doctor = vim.system(command, { text = true }):wait(DOCTOR_TIMEOUT_MS)
  local is_json, report = pcall(vim.json.decode, doctor.stdout)
  if not is_json or type(report) ~= 'table' or not report.checks then
    local why = vim.trim(doctor.stderr or '')
    why = why ~= '' and why or ('it did not end within %d s'):format(DOCTOR_TIMEOUT_MS / 1000)
    vim.health.warn(
      ('`%s` failed: %s'):format(table.concat(command, ' '), why),
      { 'the program may be older than the plugin: install both from the same version' }
    )
    return
  end
  for _, check in ipairs(report.checks) do
    -- Other editors, and whether a shell finds the program, do not matter here.
    if not vim.list_contains({ 'editor', 'editors', 'command' }, check.name) then
      M.report(check)
    end
  end
  vim.health.info('`:Foretell doctor` also verifies the model and measures its speed')
end

local function check_session()
  local status = foretell.status()
  local report = status.state == 'failed' and vim.health.error or vim.health.info
  report('state: ' .. status.state .. (status.message and ': ' .. status.message or ''))
  if status.remote then
    vim.health.info('the text around the cursor is sent to ' .. status.remote)
  end
  local n_buffers = 0
  for _, client in ipairs(vim.lsp.get_clients({ name = 'foretell' })) do
    n_buffers = n_buffers + vim.tbl_count(client.attached_buffers)
  end
  vim.health.info(('attached to %d %s'):format(n_buffers, n_buffers == 1 and 'buffer' or 'buffers'))
end

function M.check()
  check_editor()
  vim.health.start('foretell: server')
  local program = server.program()
  if vim.fn.executable(program) == 0 then
    vim.health.error(server.missing_message(program))
    return
  end
  vim.health.ok(vim.fn.exepath(program))
  check_installation(program)
  check_session()
end

return M
