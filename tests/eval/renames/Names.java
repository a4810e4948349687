import com.sun.source.tree.*;
import com.sun.source.util.*;
import java.nio.file.*;
import java.util.*;
import javax.lang.model.element.*;
import javax.tools.*;

/** Prints the names of Java files, as the compiler resolves them. */
class Names {
  public static void main(String[] files) throws Exception {
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    for (String file : files) {
      StandardJavaFileManager manager = compiler.getStandardFileManager(null, null, null);
      JavacTask task = (JavacTask) compiler.getTask(
          null, manager, it -> {}, List.of("-proc:none"), null, manager.getJavaFileObjects(file));
      Iterable<? extends CompilationUnitTree> units = task.parse();
      task.analyze();
      for (CompilationUnitTree unit : units) print(file, task, unit);
    }
  }

  static String kind(Element it) {
    switch (it.getKind()) {
      case PARAMETER: return "parameter";
      case LOCAL_VARIABLE: return "local";
      case FIELD: return "field";
      case METHOD: return "function";
      default: return null;
    }
  }

  static void print(String file, JavacTask task, CompilationUnitTree unit) throws Exception {
    String text = Files.readString(Path.of(file));
    Trees trees = Trees.instance(task);
    SourcePositions positions = trees.getSourcePositions();
    Map<Element, TreeSet<Long>> places = new LinkedHashMap<>();
    Map<Element, Long> declared = new LinkedHashMap<>();
    new TreePathScanner<Void, Void>() {
      void add(Tree tree, String name, long from) {
        Element it = trees.getElement(getCurrentPath());
        if (it == null || kind(it) == null || !it.getSimpleName().contentEquals(name)) return;
        long end = positions.getEndPosition(unit, tree);
        long at = from;
        // The name is the first whole word of that text after the type.
        do {
          at = text.indexOf(name, (int) at);
          if (at < 0 || at >= end) return;
          boolean starts = at == 0 || !Character.isJavaIdentifierPart(text.charAt((int) at - 1));
          int after = (int) at + name.length();
          if (starts && !Character.isJavaIdentifierPart(text.charAt(after))) break;
          at++;
        } while (true);
        places.computeIfAbsent(it, key -> new TreeSet<>()).add(at);
        if (tree instanceof VariableTree || tree instanceof MethodTree) declared.put(it, at);
      }

      @Override public Void visitIdentifier(IdentifierTree tree, Void none) {
        add(tree, tree.getName().toString(), positions.getStartPosition(unit, tree));
        return super.visitIdentifier(tree, none);
      }

      @Override public Void visitMemberSelect(MemberSelectTree tree, Void none) {
        add(tree, tree.getIdentifier().toString(),
            positions.getEndPosition(unit, tree.getExpression()));
        return super.visitMemberSelect(tree, none);
      }

      @Override public Void visitVariable(VariableTree tree, Void none) {
        Tree type = tree.getType();
        long from = type == null ? -1 : positions.getEndPosition(unit, type);
        if (from < 0) from = positions.getStartPosition(unit, tree);
        add(tree, tree.getName().toString(), from);
        return super.visitVariable(tree, none);
      }

      @Override public Void visitMethod(MethodTree tree, Void none) {
        Tree type = tree.getReturnType();
        if (type != null) {
          add(tree, tree.getName().toString(), positions.getEndPosition(unit, type));
        }
        return super.visitMethod(tree, none);
      }
    }.scan(unit, null);
    for (Map.Entry<Element, TreeSet<Long>> it : places.entrySet()) {
      Element element = it.getKey();
      if (!declared.containsKey(element)) continue;
      // An overridden method has places in other files.
      boolean overrides = element.getAnnotation(Override.class) != null;
      if (overrides) continue;
      StringJoiner all = new StringJoiner(",");
      for (long at : it.getValue()) all.add("[" + bytes(text, at) + ",\"\",\"\"]");
      System.out.printf("{\"file\":\"%s\",\"kind\":\"%s\",\"name\":\"%s\",\"at\":%d,\"places\":[%s]}%n",
          file, kind(element), element.getSimpleName(), bytes(text, declared.get(element)), all);
    }
  }

  static int bytes(String text, long at) {
    return text.substring(0, (int) at).getBytes(java.nio.charset.StandardCharsets.UTF_8).length;
  }
}
