package org.iommu4j.upgrade.record;

import java.io.BufferedInputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.zip.GZIPInputStream;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.service.Agreement;
import org.iommu4j.core.service.ByteOrderMark;
import org.iommu4j.core.service.Offer;
import org.iommu4j.json.JsonBounds;
import org.iommu4j.json.JsonReader;
import org.iommu4j.upgrade.CaptureException;
import org.iommu4j.upgrade.json.JsonLines;
import org.iommu4j.upgrade.json.JsonObject;

/**
 * Reads a record line by line, in bounded memory. What is malformed, or of another version, is a {@link CaptureException}
 * that names file, line, column and key. A record that breaks off, as who wrote it was killed, is read up to there.
 */
final class RecordReader implements Closeable {
    /** Bounds of a line. */
    private static final JsonReader JSON =
            new JsonReader(new JsonBounds(4, JsonLines.MAX_LINE_BYTES, 64, 4096, JsonBounds.MAX_VALUES));

    /** Most units and containers that a record may number. */
    private static final int MAX_NUMBER = 1 << 20;

    private static final long MAX_ADDRESS = (1L << 52) - 1;
    private static final int MAX_COMMAND = 1 << 17;
    private static final int MAX_BATCH = 1 << 20;
    private static final int GZIP_MAGIC = 0x1f8b;
    private static final int BUFFER_BYTES = 1 << 16;

    private final String name;
    private final JsonLines lines;
    private JsonObject object;
    private String kind = "";
    private boolean ended;

    private long cutLine;

    /**
     * Opens a record and checks its first line.
     *
     * @throws CaptureException if it cannot be read, or is of another version of the format
     */
    RecordReader(Path path) {
        name = path.toString();
        try {
            lines = new JsonLines(name, open(path), JSON, Long.MAX_VALUE, true);
        } catch (IOException e) {
            throw JsonLines.unreadable(name, 0, e);
        }
        try {
            RecordLine first = next();
            if (!(first instanceof RecordLine.Header)) {
                throw object.reject("k", "is not \"record\": the first line must say the format");
            }
        } catch (RuntimeException e) {
            close();
            throw e;
        }
    }

    private static InputStream open(Path path) throws IOException {
        BufferedInputStream raw = new BufferedInputStream(Files.newInputStream(path), BUFFER_BYTES);
        raw.mark(2);
        int magic = raw.read() << Byte.SIZE | raw.read();
        raw.reset();
        return ByteOrderMark.skip(magic == GZIP_MAGIC ? new GZIPInputStream(raw, BUFFER_BYTES) : raw);
    }

    /**
     * The next line.
     *
     * @return null after the last one, and where the record breaks off
     */
    RecordLine next() {
        if (!lines.next()) {
            if (line() == 0) {
                throw new CaptureException(name, 0, 0, "", "is cut: it has no line");
            }
            cutLine = ended ? 0 : line() + 1;
            return null;
        }
        if (ended) {
            throw new CaptureException(name, line(), 0, "", "follows the line \"end\"");
        }
        try {
            object = lines.object();
        } catch (CaptureException e) {
            if (!lines.isUnterminated() || line() == 1) {
                throw e;
            }
            cutLine = line();
            return null;
        }
        String named = object.text("k");
        RecordLine next = parse(named);
        kind = named;
        object.expectNothingMore();
        return next;
    }

    /** The kind of the last line, as the format names it. */
    String kind() {
        return kind;
    }

    /** The line in which the record breaks off, or that is missing; 0 if it is whole. Known at the end. */
    long cutLine() {
        return cutLine;
    }

    /** Number of the last line. */
    long line() {
        return lines.lineNumber();
    }

    /** The error for a key of the last line. */
    CaptureException reject(String key, String what) {
        return object.reject(key, what);
    }

    private RecordLine parse(String kind) {
        return switch (kind) {
            case "record" -> header();
            case "end" -> end();
            case "unit" -> unit();
            case "unit-close" -> new RecordLine.UnitClosed(unitNumber());
            case "swap" -> new RecordLine.Swapped(unitNumber(), object.text("bundle"), object.text("version"));
            case "mem" -> new RecordLine.Memory(unitNumber(), address(), object.hex("hex", RecordLine.MAX_MEMORY));
            case "pages" -> new RecordLine.PagesTaken(unitNumber(), pages(), address());
            case "pages-free" -> new RecordLine.PagesGiven(unitNumber(), pages(), address());
            case "dma" -> access();
            case "reg" ->
                new RecordLine.RegisterWrite(
                        unitNumber(), object.number("off", 0, Integer.MAX_VALUE), size(), object.number("value"));
            case "call" -> call();
            case "stepping" -> new RecordLine.Stepping(unitNumber(), object.truth("on"));
            case "step" -> new RecordLine.Step(unitNumber(), (int) object.number("n", 0, Integer.MAX_VALUE));
            case "native" -> new RecordLine.Commands(unitNumber(), object.hexes("hex", MAX_COMMAND));
            case "fill" -> caches(RecordLine.Caches.What.FILL);
            case "gone" -> caches(RecordLine.Caches.What.GONE);
            case "drop" -> caches(RecordLine.Caches.What.DROP);
            case "open" -> opened();
            case "close" -> new RecordLine.Closed(unitNumber(), containerNumber(), answer());
            case "attach" -> attached();
            case "detach" -> new RecordLine.Detached(unitNumber(), containerNumber(), object.word("dev"), answer());
            case "ioctl" -> ioctl();
            default -> throw object.reject("k", "is no kind of line: " + JsonObject.shortened(kind));
        };
    }

    private RecordLine header() {
        if (line() != 1) {
            throw object.reject("k", "\"record\" stands in the first line only");
        }
        long format = object.number("format");
        if (format != RecordWriter.FORMAT) {
            throw object.reject("format", "is " + format + "; this version reads format " + RecordWriter.FORMAT);
        }
        return new RecordLine.Header((int) format);
    }

    private RecordLine end() {
        long count = object.number("lines");
        if (count != line() - 1) {
            throw object.reject("lines", "is " + count + ", but " + (line() - 1) + " lines came before");
        }
        ended = true;
        return new RecordLine.End(count);
    }

    private int unitNumber() {
        return (int) object.number("unit", 0, MAX_NUMBER);
    }

    private int containerNumber() {
        return (int) object.number("container", 0, MAX_NUMBER);
    }

    private long address() {
        return object.number("pa", 0, MAX_ADDRESS);
    }

    private int pages() {
        return (int) object.number("count", 1, MAX_NUMBER);
    }

    private int size() {
        int size = (int) object.number("size", 4, 8);
        if (size != 4 && size != 8) {
            throw object.reject("size", "is not 4 or 8");
        }
        return size;
    }

    private IommuModel model() {
        IommuModel model = IommuModel.ofLabel(object.text("model"));
        if (model == null) {
            throw object.reject("model", "is no model: " + JsonObject.shortened(object.text("model")));
        }
        return model;
    }

    private RecordLine unit() {
        int number = unitNumber();
        IommuModel model = model();
        HardwareConfig hardware = new HardwareConfig(
                object.word("subVersion"),
                object.groups("fields"),
                object.numberMap("capabilities"),
                object.constant("cache", CacheConfig.class),
                object.textMap("options"));
        List<PlatformConfig.Range> ram = new ArrayList<>();
        for (List<Long> pair : object.pairs("ram")) {
            try {
                ram.add(new PlatformConfig.Range(pair.get(0), pair.get(1)));
            } catch (IllegalArgumentException e) {
                throw object.reject("ram", "has no such " + e.getMessage());
            }
        }
        return new RecordLine.UnitOpened(
                number,
                model,
                object.text("bundle"),
                object.text("version"),
                hardware,
                (int) object.number("haw", 32, 52),
                ram,
                object.numberMap("registers"));
    }

    private RecordLine access() {
        return new RecordLine.Access(
                unitNumber(),
                object.word("dev"),
                object.has("pasid") ? object.word("pasid") : DmaAccess.NO_PASID,
                object.number("iova"),
                (int) object.number("len", 0, Integer.MAX_VALUE),
                (int) object.number("rights", 0, DmaAccess.READ | DmaAccess.WRITE | DmaAccess.EXECUTE),
                object.truth("atomic", false),
                object.truth("privileged", false),
                object.constant("type", DmaAccess.AddressType.class),
                object.constant("outcome", DmaAccess.Outcome.class),
                object.has("spa") ? object.number("spa") : 0,
                (int) object.number("granted", 0, Integer.MAX_VALUE),
                object.truth("hit", false),
                object.has("fault") ? object.word("fault") : 0);
    }

    private RecordLine call() {
        int unit = unitNumber();
        int function = object.word("function");
        List<Long> words = object.numbers("words");
        if (words.size() > NativeCall.WORDS) {
            throw object.reject("words", "has more than " + NativeCall.WORDS + " words");
        }
        return new RecordLine.ChipCall(unit, function, words);
    }

    private RecordLine caches(RecordLine.Caches.What what) {
        List<CacheEntry> entries = new ArrayList<>();
        for (String text : object.texts("entries")) {
            try {
                entries.add(CacheEntry.of(text));
            } catch (IllegalArgumentException e) {
                throw object.reject(
                        "entries",
                        "has no entry of the form 'CACHE TAG PASID IOVA SIZE PA': " + JsonObject.shortened(text));
            }
        }
        return new RecordLine.Caches(unitNumber(), what, entries);
    }

    private RecordLine opened() {
        int oldest = object.word("oldest");
        int newest = object.word("newest");
        if (Integer.compareUnsigned(oldest, newest) > 0) {
            throw object.reject("oldest", "is above \"newest\"");
        }
        Set<String> required = new HashSet<>(object.texts("required"));
        boolean agreed = object.has("agreement");
        return new RecordLine.Opened(
                unitNumber(),
                containerNumber(),
                image(),
                new Offer(model(), oldest, newest, required),
                agreed ? object.constant("agreement", Agreement.Kind.class) : null,
                agreed ? object.word("client") : 0,
                agreed ? object.word("host") : 0,
                answer());
    }

    private Abi image() {
        Abi abi = Abi.ofLabel(object.text("abi"));
        if (abi == null) {
            throw object.reject("abi", "is no image: " + JsonObject.shortened(object.text("abi")));
        }
        return abi;
    }

    private RecordLine attached() {
        boolean table = object.has("table");
        return new RecordLine.Attached(
                unitNumber(),
                containerNumber(),
                object.word("dev"),
                table ? object.number("table") : -1,
                table ? (int) object.number("levels", Integer.MIN_VALUE, Integer.MAX_VALUE) : 0,
                answer());
    }

    private RecordLine ioctl() {
        String hex = object.has("hex") ? object.hex("hex", RecordLine.MAX_REQUEST) : null;
        int readable = (int) object.number("readable", Integer.MIN_VALUE, Integer.MAX_VALUE);
        if (hex != null && hex.length() / 2 != Math.min(readable, RecordLine.MAX_REQUEST)) {
            throw object.reject("readable", "is " + readable + ", but \"hex\" has " + hex.length() / 2 + " bytes");
        }
        int of = object.has("of") ? (int) object.number("of", 0, MAX_BATCH) : 1;
        if (of == 0) {
            throw object.reject("of", "is 0");
        }
        int index = object.has("of") ? (int) object.number("index", 0, of - 1L) : 0;
        return new RecordLine.Ioctl(
                unitNumber(),
                containerNumber(),
                object.has("abi") ? image() : null,
                object.number("request"),
                hex,
                readable,
                index,
                of,
                answer());
    }

    private Answer answer() {
        Errno errno = object.constant("errno", Errno.class);
        boolean done = errno == Errno.OK;
        return new Answer(
                errno,
                done ? (int) object.number("handled", 0, 1) : 0,
                done ? object.constant("fidelity", Fidelity.class) : Fidelity.EXACT,
                object.optionalText("rule"),
                object.optionalText("field"),
                object.has("offset") ? (int) object.number("offset", 0, Integer.MAX_VALUE) : -1,
                object.has("value") ? object.number("value") : 0,
                object.optionalText("reason"),
                object.truth("known", true));
    }

    @Override
    public void close() {
        lines.close();
    }
}
