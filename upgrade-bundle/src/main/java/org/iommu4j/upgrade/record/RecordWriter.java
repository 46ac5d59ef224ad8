package org.iommu4j.upgrade.record;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonFactoryBuilder;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.GZIPOutputStream;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.contract.Errno;
import org.iommu4j.upgrade.OutputFile;

/**
 * Writes a record line by line; keeps nothing but a buffer. May be called from any thread. A line that cannot be written
 * ends the record: those after it are passed over, and {@link #close} tells why.
 */
final class RecordWriter implements AutoCloseable {
    /** Version of the format that it writes. */
    static final int FORMAT = 1;

    /** End of the name of a file that is compressed. */
    private static final String COMPRESSED = ".gz";

    private static final int BUFFER_BYTES = 1 << 16;
    private static final JsonFactory FACTORY =
            new JsonFactoryBuilder().rootValueSeparator("\n").build();

    private final JsonGenerator out;

    /** The file that is renamed when the record is complete; null if the record goes to a stream of a caller. */
    private final OutputFile file;

    private long lines;
    private volatile IOException failure;
    private boolean closed;

    /**
     * Begins a record; a file that is there is replaced when the record is complete.
     *
     * @param path compressed if its name ends with {@code .gz}
     * @throws IOException if it cannot be written
     */
    RecordWriter(Path path) throws IOException {
        this(OutputFile.create(path), path.getFileName().toString().endsWith(COMPRESSED));
    }

    private RecordWriter(OutputFile file, boolean compressed) throws IOException {
        this(file, compressed ? new GZIPOutputStream(file.stream(), BUFFER_BYTES) : file.stream());
    }

    /** Begins a record in a stream, which it closes. */
    RecordWriter(OutputStream stream) throws IOException {
        this(null, stream);
    }

    private RecordWriter(OutputFile file, OutputStream stream) throws IOException {
        this.file = file;
        out = FACTORY.createGenerator(new BufferedOutputStream(stream, BUFFER_BYTES));
        write(new RecordLine.Header(FORMAT));
    }

    /** Adds lines that must stand together. */
    synchronized void write(List<? extends RecordLine> together) {
        together.forEach(this::write);
    }

    /** Nothing more can be written in order: the record ends without its last line. */
    synchronized void fail(String why) {
        if (failure == null && !closed) {
            failure = new IOException(why);
        }
    }

    /** True if the record has ended early. */
    boolean hasFailed() {
        return failure != null;
    }

    /** Adds a line. */
    synchronized void write(RecordLine line) {
        if (failure != null || closed) {
            return;
        }
        try {
            out.writeStartObject();
            content(line);
            out.writeEndObject();
            lines++;
        } catch (IOException e) {
            failure = e;
        }
    }

    /**
     * Ends the record.
     *
     * @throws IOException if not all of it could be written
     */
    @Override
    public synchronized void close() throws IOException {
        if (closed) {
            return;
        }
        write(new RecordLine.End(lines));
        closed = true;
        try {
            if (failure == null) {
                out.writeRaw('\n');
            }
            out.close();
            if (failure == null && file != null) {
                file.commit();
            }
        } catch (IOException e) {
            failure = failure == null ? e : failure;
        } finally {
            if (file != null) {
                file.close();
            }
        }
        if (failure != null) {
            throw failure;
        }
    }

    private void content(RecordLine line) throws IOException {
        if (line instanceof RecordLine.Header header) {
            kind("record");
            out.writeNumberField("format", header.format());
        } else if (line instanceof RecordLine.End end) {
            kind("end");
            out.writeNumberField("lines", end.lines());
        } else if (line instanceof RecordLine.Request request) {
            request(request);
            answer(request.answer());
        } else if (line instanceof RecordLine.OfUnit ofUnit) {
            ofUnit(ofUnit);
        }
    }

    private void request(RecordLine.Request request) throws IOException {
        if (request instanceof RecordLine.Ioctl ioctl) {
            kind("ioctl", ioctl.unit(), ioctl.container());
            if (ioctl.abi() != null) {
                out.writeStringField("abi", ioctl.abi().label());
            }
            hex("request", ioctl.request());
            if (ioctl.hex() != null) {
                out.writeStringField("hex", ioctl.hex());
            }
            out.writeNumberField("readable", ioctl.readable());
            if (ioctl.of() != 1) {
                out.writeNumberField("index", ioctl.index());
                out.writeNumberField("of", ioctl.of());
            }
        } else if (request instanceof RecordLine.Opened opened) {
            kind("open", opened.unit(), opened.container());
            out.writeStringField("abi", opened.abi().label());
            out.writeStringField("model", opened.offer().model().label());
            hex("oldest", Integer.toUnsignedLong(opened.offer().oldest()));
            hex("newest", Integer.toUnsignedLong(opened.offer().newest()));
            texts("required", opened.offer().required().stream().sorted().toList());
            if (opened.agreement() != null) {
                out.writeStringField("agreement", opened.agreement().name());
                hex("client", Integer.toUnsignedLong(opened.clientSubVersion()));
                hex("host", Integer.toUnsignedLong(opened.hostSubVersion()));
            }
        } else if (request instanceof RecordLine.Closed closing) {
            kind("close", closing.unit(), closing.container());
        } else if (request instanceof RecordLine.Attached attached) {
            kind("attach", attached.unit(), attached.container());
            hex("dev", Integer.toUnsignedLong(attached.requester()));
            if (attached.table() != -1) {
                hex("table", attached.table());
                out.writeNumberField("levels", attached.levels());
            }
        } else if (request instanceof RecordLine.Detached detached) {
            kind("detach", detached.unit(), detached.container());
            hex("dev", Integer.toUnsignedLong(detached.requester()));
        }
    }

    private void answer(Answer answer) throws IOException {
        out.writeStringField("errno", answer.errno().name());
        if (answer.errno() == Errno.OK) {
            out.writeNumberField("handled", answer.handled());
            out.writeStringField("fidelity", answer.fidelity().name());
        }
        text("rule", answer.rule());
        text("field", answer.field());
        if (answer.offset() != -1) {
            out.writeNumberField("offset", answer.offset());
        }
        if (answer.value() != 0) {
            hex("value", answer.value());
        }
        text("reason", answer.reason());
        if (!answer.known()) {
            out.writeBooleanField("known", false);
        }
    }

    private void ofUnit(RecordLine.OfUnit line) throws IOException {
        if (line instanceof RecordLine.UnitOpened unit) {
            unit(unit);
        } else if (line instanceof RecordLine.UnitClosed unit) {
            kind("unit-close", unit.unit());
        } else if (line instanceof RecordLine.Swapped swapped) {
            kind("swap", swapped.unit());
            out.writeStringField("bundle", swapped.bundle());
            out.writeStringField("version", swapped.version());
        } else if (line instanceof RecordLine.Memory memory) {
            kind("mem", memory.unit());
            hex("pa", memory.pa());
            out.writeStringField("hex", memory.hex());
        } else if (line instanceof RecordLine.PagesTaken pages) {
            pages("pages", pages.unit(), pages.pages(), pages.pa());
        } else if (line instanceof RecordLine.PagesGiven pages) {
            pages("pages-free", pages.unit(), pages.pages(), pages.pa());
        } else if (line instanceof RecordLine.Access access) {
            access(access);
        } else if (line instanceof RecordLine.Commands commands) {
            kind("native", commands.unit());
            texts("hex", commands.hex());
        } else if (line instanceof RecordLine.Caches caches) {
            kind(caches.what().name().toLowerCase(Locale.ROOT), caches.unit());
            texts("entries", caches.entries().stream().map(CacheEntry::text).toList());
        } else {
            chip(line);
        }
    }

    private void chip(RecordLine.OfUnit line) throws IOException {
        if (line instanceof RecordLine.RegisterWrite write) {
            kind("reg", write.unit());
            hex("off", write.offset());
            out.writeNumberField("size", write.sizeBytes());
            hex("value", write.value());
        } else if (line instanceof RecordLine.ChipCall call) {
            kind("call", call.unit());
            hex("function", Integer.toUnsignedLong(call.function()));
            texts("words", call.words().stream().map(RecordWriter::hex).toList());
        } else if (line instanceof RecordLine.Stepping stepping) {
            kind("stepping", stepping.unit());
            out.writeBooleanField("on", stepping.on());
        } else if (line instanceof RecordLine.Step step) {
            kind("step", step.unit());
            out.writeNumberField("n", step.commands());
        }
    }

    private void unit(RecordLine.UnitOpened unit) throws IOException {
        HardwareConfig hardware = unit.hardware();
        kind("unit", unit.unit());
        out.writeStringField("model", unit.model().label());
        hex("subVersion", Integer.toUnsignedLong(hardware.subVersion()));
        out.writeStringField("bundle", unit.bundle());
        out.writeStringField("version", unit.version());
        out.writeNumberField("haw", unit.hostAddressWidth());
        out.writeStringField("cache", hardware.cache().name());
        out.writeObjectFieldStart("fields");
        for (Map.Entry<String, Map<String, Long>> group : new TreeMap<>(hardware.fields()).entrySet()) {
            numbers(group.getKey(), group.getValue());
        }
        out.writeEndObject();
        numbers("capabilities", hardware.registers());
        out.writeObjectFieldStart("options");
        for (Map.Entry<String, String> option : new TreeMap<>(hardware.options()).entrySet()) {
            out.writeStringField(option.getKey(), option.getValue());
        }
        out.writeEndObject();
        out.writeArrayFieldStart("ram");
        for (PlatformConfig.Range range : unit.ram()) {
            out.writeStartArray();
            out.writeString(hex(range.base()));
            out.writeString(hex(range.lengthBytes()));
            out.writeEndArray();
        }
        out.writeEndArray();
        numbers("registers", unit.registers());
    }

    private void access(RecordLine.Access access) throws IOException {
        kind("dma", access.unit());
        hex("dev", Integer.toUnsignedLong(access.requester()));
        if (access.pasid() != -1) {
            hex("pasid", Integer.toUnsignedLong(access.pasid()));
        }
        hex("iova", access.iova());
        out.writeNumberField("len", access.lengthBytes());
        out.writeNumberField("rights", access.rights());
        flag("atomic", access.atomic());
        flag("privileged", access.privileged());
        out.writeStringField("type", access.type().name());
        out.writeStringField("outcome", access.outcome().name());
        if (access.spa() != 0) {
            hex("spa", access.spa());
        }
        out.writeNumberField("granted", access.granted());
        flag("hit", access.hit());
        if (access.faultCode() != 0) {
            hex("fault", Integer.toUnsignedLong(access.faultCode()));
        }
    }

    private void pages(String kind, int unit, int count, long pa) throws IOException {
        kind(kind, unit);
        out.writeNumberField("count", count);
        hex("pa", pa);
    }

    private void kind(String kind) throws IOException {
        out.writeStringField("k", kind);
    }

    private void kind(String kind, int unit) throws IOException {
        kind(kind);
        out.writeNumberField("unit", unit);
    }

    private void kind(String kind, int unit, int container) throws IOException {
        kind(kind, unit);
        out.writeNumberField("container", container);
    }

    private void text(String key, String text) throws IOException {
        if (!text.isEmpty()) {
            out.writeStringField(key, text);
        }
    }

    private void flag(String key, boolean value) throws IOException {
        if (value) {
            out.writeBooleanField(key, true);
        }
    }

    private void hex(String key, long value) throws IOException {
        out.writeStringField(key, hex(value));
    }

    private static String hex(long value) {
        return "0x" + Long.toHexString(value);
    }

    private void texts(String key, List<String> texts) throws IOException {
        out.writeArrayFieldStart(key);
        for (String text : texts) {
            out.writeString(text);
        }
        out.writeEndArray();
    }

    private void numbers(String key, Map<String, Long> numbers) throws IOException {
        out.writeObjectFieldStart(key);
        for (Map.Entry<String, Long> number : new TreeMap<>(numbers).entrySet()) {
            hex(number.getKey(), number.getValue());
        }
        out.writeEndObject();
    }
}
