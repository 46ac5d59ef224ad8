package org.iommu4j.simulation.snapshot;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.contract.IommuModel;

/** Writes a state section by section, in the form that the package describes. */
public final class SnapshotWriter {
    private final IommuModel model;
    private final Snapshot.Kind kind;
    private final int version;
    private final Map<String, ByteArrayOutputStream> sections = new LinkedHashMap<>();
    private final ByteBuffer scratch = ByteBuffer.allocate(Long.BYTES);
    private ByteArrayOutputStream current;

    /**
     * An empty state.
     *
     * @param model whose state it is
     * @param kind chip or driver
     * @param version of the state's format, as the model counts
     */
    public SnapshotWriter(IommuModel model, Snapshot.Kind kind, int version) {
        this.model = model;
        this.kind = kind;
        this.version = version;
    }

    /**
     * Starts a section; what is put goes there until the next one starts.
     *
     * @param name unique, 1 to 255 bytes in UTF-8
     */
    public SnapshotWriter section(String name) {
        int bytes = name.getBytes(StandardCharsets.UTF_8).length;
        if (bytes < 1 || bytes > StateFormat.MAX_NAME_BYTES) {
            throw new IllegalArgumentException("section name of " + bytes + " bytes");
        }
        current = new ByteArrayOutputStream();
        if (sections.putIfAbsent(name, current) != null) {
            throw new IllegalArgumentException("two sections " + name);
        }
        return this;
    }

    /** Puts the low 8 bits. */
    public SnapshotWriter putByte(int value) {
        section().write(value);
        return this;
    }

    /** Puts a truth value. */
    public SnapshotWriter putBoolean(boolean value) {
        return putByte(value ? 1 : 0);
    }

    /** Puts 32 bits. */
    public SnapshotWriter putInt(int value) {
        section().write(scratch.putInt(0, value).array(), 0, Integer.BYTES);
        return this;
    }

    /** Puts 64 bits. */
    public SnapshotWriter putLong(long value) {
        section().write(scratch.putLong(0, value).array(), 0, Long.BYTES);
        return this;
    }

    /** Puts bytes and their number. */
    public SnapshotWriter putBytes(byte[] bytes) {
        putInt(bytes.length);
        section().write(bytes, 0, bytes.length);
        return this;
    }

    /** Puts words of 64 bits and their number. */
    public SnapshotWriter putLongs(long[] words) {
        putInt(words.length);
        for (long word : words) {
            putLong(word);
        }
        return this;
    }

    /** Puts a text. */
    public SnapshotWriter putString(String text) {
        return putBytes(text.getBytes(StandardCharsets.UTF_8));
    }

    /** Puts the number of values, then name and 64 bits of each, in the order of the names. */
    public SnapshotWriter putNamedLongs(Map<String, Long> values) {
        putInt(values.size());
        new TreeMap<>(values).forEach((name, value) -> putString(name).putLong(value));
        return this;
    }

    /** Puts the number of texts, then name and text of each, in the order of the names. */
    public SnapshotWriter putNamedStrings(Map<String, String> texts) {
        putInt(texts.size());
        new TreeMap<>(texts).forEach((name, text) -> putString(name).putString(text));
        return this;
    }

    /** The state. */
    public Snapshot build() {
        byte[] kindName = kind.name().getBytes(StandardCharsets.UTF_8);
        int length = StateFormat.HEADER_BYTES + kindName.length + StateFormat.CHECKSUM_BYTES;
        for (Map.Entry<String, ByteArrayOutputStream> section : sections.entrySet()) {
            int name = section.getKey().getBytes(StandardCharsets.UTF_8).length;
            length = Math.addExact(
                    length, 1 + name + Integer.BYTES + section.getValue().size());
        }
        ByteBuffer out = ByteBuffer.allocate(length);
        out.putInt(StateFormat.MAGIC).putShort((short) StateFormat.FORM);
        out.put((byte) model.code()).put((byte) kindName.length).put(kindName);
        out.putInt(version).putInt(sections.size());
        sections.forEach((name, content) -> {
            byte[] text = name.getBytes(StandardCharsets.UTF_8);
            out.put((byte) text.length).put(text).putInt(content.size()).put(content.toByteArray());
        });
        out.putInt(StateFormat.checksum(out.array(), out.position()));
        return new Snapshot(model, kind, version, out.array());
    }

    private ByteArrayOutputStream section() {
        if (current == null) {
            throw new IllegalStateException("no section was started");
        }
        return current;
    }
}
