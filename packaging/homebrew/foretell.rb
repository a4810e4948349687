# A template: `python packaging/release.py formula` inserts the version, the address and the digests.
# Not run by the tests: it needs Homebrew and a published release.
class Foretell < Formula
  desc "Inline code completion by a model on your own machine"
  homepage "@REPOSITORY@"
  version "@VERSION@"
  license any_of: ["MIT", "Apache-2.0"]

  on_macos do
    depends_on arch: :arm64
    url "@REPOSITORY@/releases/download/v@VERSION@/foretell-@VERSION@-aarch64-apple-darwin.tar.gz"
    sha256 "@SHA256 aarch64-apple-darwin@"
  end

  on_linux do
    on_arm do
      url "@REPOSITORY@/releases/download/v@VERSION@/foretell-@VERSION@-aarch64-unknown-linux-gnu.tar.gz"
      sha256 "@SHA256 aarch64-unknown-linux-gnu@"
    end
    on_intel do
      url "@REPOSITORY@/releases/download/v@VERSION@/foretell-@VERSION@-x86_64-unknown-linux-gnu.tar.gz"
      sha256 "@SHA256 x86_64-unknown-linux-gnu@"
    end
  end

  # `foretell setup` runs the model scripts with it.
  depends_on "python@3.13"

  def install
    # The program looks for the ONNX Runtime library in its own folder.
    libexec.install "foretell", *Dir["libonnxruntime*"]
    bin.install_symlink libexec/"foretell"
    man1.install Dir["man/man1/*"]
    bash_completion.install "completions/foretell.bash" => "foretell"
    zsh_completion.install "completions/_foretell"
    fish_completion.install "completions/foretell.fish"
    pkgshare.install "editors"
    doc.install "README.md", "docs", "licences"
  end

  def caveats
    <<~EOS
      To fetch a model: foretell setup
      It is kept in ~/.local/share/foretell, which uninstalling does not remove.
      The Neovim plugin and Helix's settings are in #{opt_pkgshare}/editors.
    EOS
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/foretell --version")
    assert_match "max_lines", shell_output("#{bin}/foretell config")
  end
end
