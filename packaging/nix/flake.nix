# nix run 'github:OWNER/REPOSITORY?dir=packaging/nix' -- setup
# Not run by the tests: it needs Nix.
{
  description = "Inline code completion by a model on your own machine";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      systems = [
        "x86_64-linux"
        "aarch64-linux"
        "aarch64-darwin"
      ];
      forEachSystem =
        make: nixpkgs.lib.genAttrs systems (system: make nixpkgs.legacyPackages.${system});
      source = ../..;
    in
    {
      packages = forEachSystem (pkgs: rec {
        foretell = pkgs.rustPlatform.buildRustPackage {
          pname = "foretell";
          version = (builtins.fromTOML (builtins.readFile "${source}/Cargo.toml")).workspace.package.version;
          src = source;
          cargoLock.lockFile = "${source}/Cargo.lock";
          buildAndTestSubdir = "server";
          # The tests need a model.
          doCheck = false;
          nativeBuildInputs = [
            pkgs.installShellFiles
            pkgs.makeWrapper
          ];
          postInstall = ''
            $out/bin/foretell man man1
            installManPage man1/*
            for shell in bash fish zsh; do
              installShellCompletion --cmd foretell --$shell <($out/bin/foretell completions $shell)
            done
            mkdir -p $out/share/foretell/editors
            cp -r editors/neovim editors/helix $out/share/foretell/editors/
            # The runtime library and Python packages that `foretell setup` fetches need these.
            wrapProgram $out/bin/foretell \
              --suffix PATH : ${pkgs.python3}/bin \
              --suffix LD_LIBRARY_PATH : ${
                pkgs.lib.makeLibraryPath [
                  pkgs.stdenv.cc.cc.lib
                  pkgs.zlib
                ]
              }
          '';
          meta = {
            description = "Inline code completion by a model on your own machine";
            license = with pkgs.lib.licenses; [
              mit
              asl20
            ];
            mainProgram = "foretell";
          };
        };
        default = foretell;
      });
    };
}
