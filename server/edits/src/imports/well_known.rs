//! Names that a file has without an import.

use foretell_policy::Grammar;

/// Whether a language knows a name without an import. It may be imported nevertheless, as
/// something else: `use std::fmt::Result`.
pub(super) fn is_known(name: &str, grammar: Grammar) -> bool {
    let names = match grammar {
        Grammar::Python => PYTHON,
        Grammar::Tsx => TSX,
        Grammar::Rust => RUST,
        Grammar::Java => JAVA,
        _ => "",
    };
    names.split_whitespace().any(|it| it == name)
}

const PYTHON: &str = "
ArithmeticError AssertionError AttributeError BaseException BaseExceptionGroup BlockingIOError
BrokenPipeError BufferError BytesWarning ChildProcessError ConnectionAbortedError
ConnectionError ConnectionRefusedError ConnectionResetError DeprecationWarning EOFError Ellipsis
EncodingWarning EnvironmentError Exception ExceptionGroup False FileExistsError
FileNotFoundError FloatingPointError FutureWarning GeneratorExit IOError ImportError
ImportWarning IndentationError IndexError InterruptedError IsADirectoryError KeyError
KeyboardInterrupt LookupError MemoryError ModuleNotFoundError NameError None NotADirectoryError
NotImplemented NotImplementedError OSError OverflowError PendingDeprecationWarning
PermissionError ProcessLookupError RecursionError ReferenceError ResourceWarning RuntimeError
RuntimeWarning StopAsyncIteration StopIteration SyntaxError SyntaxWarning SystemError SystemExit
TabError TimeoutError True TypeError UnboundLocalError UnicodeDecodeError UnicodeEncodeError
UnicodeError UnicodeTranslateError UnicodeWarning UserWarning ValueError Warning
ZeroDivisionError __file__ __name__ abs aiter all anext any ascii bin bool breakpoint bytearray
bytes callable chr classmethod cls compile complex copyright credits delattr dict dir divmod
enumerate eval exec exit filter float format frozenset getattr globals hasattr hash help hex id
input int isinstance issubclass iter len license list locals map max memoryview min next object
oct open ord pow print property quit range repr reversed round self set setattr slice sorted
staticmethod str sum super tuple type vars zip";

/// Of the browser and of Node.
const TSX: &str = "
Array ArrayBuffer BigInt Boolean DataView Date Error EvalError Float32Array Float64Array
Function Infinity Int8Array Int16Array Int32Array Intl Iterator JSON Map Math NaN Number Object
Promise Proxy RangeError ReferenceError Reflect RegExp Set SharedArrayBuffer String Symbol
SyntaxError TypeError URIError Uint8Array Uint16Array Uint32Array WeakMap WeakRef WeakSet
AbortController AbortSignal Blob Buffer Element Event EventTarget EventSource File FormData
HTMLElement Headers Image MessageChannel MutationObserver Node NodeList Request Response
ReadableStream Storage TextDecoder TextEncoder URL URLSearchParams WebSocket Worker
XMLHttpRequest alert atob btoa clearImmediate clearInterval clearTimeout console crypto document
exports fetch global globalThis history localStorage location module navigator performance
process queueMicrotask require self sessionStorage setImmediate setInterval setTimeout
structuredClone undefined window afterAll afterEach beforeAll beforeEach describe expect it jest
test vi Awaited Capitalize Exclude Extract InstanceType JSX NonNullable Omit Parameters Partial
Pick Readonly Record Required ReturnType";

/// The prelude.
const RUST: &str = "
AsMut AsRef Box Clone Copy Debug Default DoubleEndedIterator Drop Eq Err ExactSizeIterator
Extend Fn FnMut FnOnce From FromIterator Hash Into IntoIterator Iterator None Ok Option Ord
PartialEq PartialOrd Result Self Send Sized Some String Sync ToOwned ToString TryFrom TryInto
Unpin Vec assert assert_eq assert_ne bool char cfg concat debug_assert debug_assert_eq drop env
eprint eprintln f32 f64 file format i128 i16 i32 i64 i8 include include_bytes include_str isize
line matches panic print println self stringify str todo u128 u16 u32 u64 u8 unimplemented
unreachable usize vec write writeln";

/// `java.lang`.
const JAVA: &str = "
AutoCloseable Boolean Byte CharSequence Character Class ClassLoader Cloneable Comparable
Deprecated Double Enum Error Exception Float FunctionalInterface IllegalArgumentException
IllegalStateException IndexOutOfBoundsException Integer InterruptedException Iterable Long Math
Module NullPointerException Number Object Override Package Process Record Runnable Runtime
RuntimeException SafeVarargs Short StackTraceElement String StringBuffer StringBuilder
SuppressWarnings System Thread ThreadLocal Throwable UnsupportedOperationException Void";
