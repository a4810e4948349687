-- Defines `:Foretell`. `require('foretell').setup()` loads the rest of the plugin.
if vim.g.loaded_foretell then
  return
end
vim.g.loaded_foretell = true

vim.api.nvim_create_user_command('Foretell', function(args)
  require('foretell.commands').run(args.fargs)
end, {
  nargs = '*',
  desc = 'Foretell: status, on, off, setup …',
  complete = function(lead, line)
    return require('foretell.commands').complete(lead, line)
  end,
})
