--- `:checkhealth foretell`
local config = require('foretell.config')
local foretell = require('foretell')
local server = require('foretell.server')

local M = {}

function M.check()
  local health = vim.health
  health.start('foretell: editor')
  if vim.fn.has('nvim-0.10') == 1 then
    health.ok('Neovim ' .. tostring(vim.version()))
  else
    health.error('Neovim 0.10 or later is required')
  end
  for name, key in pairs(config.current.keys or {}) do
    local map = key and vim.fn.maparg(key, 'i', false, true)
    if map and not vim.startswith(map.desc or '', 'Foretell') then
      health.warn(('%s has another mapping: %s'):format(key, map.desc or map.rhs or 'unknown'), {
        ("set another key for `%s`, or call require('foretell').%s() in that mapping"):format(
          name,
          name
        ),
      })
    end
  end

  health.start('foretell: server')
  local cmd = (vim.lsp.config and vim.lsp.config.foretell or config.current).cmd
  if vim.fn.executable(cmd[1]) == 0 then
    health.error(server.missing_message(cmd[1]))
    return
  end
  health.ok(vim.fn.exepath(cmd[1]))
  local doctor = vim.system({ cmd[1], 'doctor' }, { text = true }):wait(30000)
  for line in vim.gsplit(vim.trim(doctor.stdout .. doctor.stderr), '\n') do
    if doctor.code == 0 then
      health.ok(line)
    else
      health.error(line)
    end
  end
  local status = foretell.status()
  local report = status.state == 'failed' and health.error or health.info
  report('state: ' .. status.state .. (status.message and ': ' .. status.message or ''))
  if status.remote then
    health.info('the text around the cursor is sent to ' .. status.remote)
  end
  health.info(
    ('attached to %d buffers'):format(
      vim.iter(vim.lsp.get_clients({ name = 'foretell' })):fold(0, function(n, client)
        return n + vim.tbl_count(client.attached_buffers)
      end)
    )
  )
end

return M
