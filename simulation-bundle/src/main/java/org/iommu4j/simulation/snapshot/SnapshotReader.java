package org.iommu4j.simulation.snapshot;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Consumer;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;

/**
 * Reads a state that {@link SnapshotWriter} wrote. Whatever is wrong with the bytes is a {@link BackendException} with
 * {@code EINVAL} that names the section and the offset in it.
 */
public final class SnapshotReader {
    private static final String HEADER = "header";
    private static final int MAX_NAMED = 256;
    private static final long PAGE_OFFSET = (1 << 12) - 1;

    private final Snapshot snapshot;
    private final Map<String, ByteBuffer> sections = new LinkedHashMap<>();
    private String name = HEADER;
    private ByteBuffer current;

    /**
     * Checks the form and finds the sections.
     *
     * @throws BackendException {@code EINVAL} if the bytes are not what they should be, or say something else than the
     *     rest of the snapshot; {@code EPROTONOSUPPORT} for another version of the form
     */
    public SnapshotReader(Snapshot snapshot) {
        this.snapshot = snapshot;
        byte[] bytes = snapshot.bytes();
        int end = bytes.length - StateFormat.CHECKSUM_BYTES;
        if (end < StateFormat.HEADER_BYTES) {
            throw new BackendException(Errno.EINVAL, "state of " + bytes.length + " bytes is too short");
        }
        ByteBuffer all = ByteBuffer.wrap(bytes);
        if (all.getInt(end) != StateFormat.checksum(bytes, end)) {
            throw new BackendException(
                    Errno.EINVAL, "state of " + bytes.length + " bytes: checksum at " + end + " differs");
        }
        current = all.limit(end);
        if (getInt() != StateFormat.MAGIC) {
            throw damaged(0, "magic");
        }
        int form = Short.toUnsignedInt(current.getShort());
        if (form != StateFormat.FORM) {
            throw new BackendException(
                    Errno.EPROTONOSUPPORT, "state has form " + form + ", known is " + StateFormat.FORM);
        }
        if (getByte() != snapshot.model().code()) {
            throw damaged(6, "model, which should be " + snapshot.model());
        }
        if (!text(slice(getByte(), "kind"), 7).equals(snapshot.kind().name())) {
            throw damaged(7, "kind, which should be " + snapshot.kind());
        }
        if (getInt() != snapshot.version()) {
            throw damaged(current.position() - Integer.BYTES, "version, which should be " + snapshot.version());
        }
        int count = getInt();
        for (int i = 0; i < count; i++) {
            int at = current.position();
            String section = text(slice(getByte(), "section name"), at);
            if (section.isEmpty() || sections.put(section, slice(getInt(), "section " + section)) != null) {
                throw damaged(at, "section " + section + ", empty or twice");
            }
        }
        if (count < 0 || current.hasRemaining()) {
            throw damaged(current.position(), count + " sections in " + end + " bytes");
        }
    }

    /** The model whose state it is. */
    public IommuModel model() {
        return snapshot.model();
    }

    /** The kind of object whose state is read. */
    public Snapshot.Kind kind() {
        return snapshot.kind();
    }

    /** Version of the state's format, as the model counts. */
    public int version() {
        return snapshot.version();
    }

    /**
     * Checks that the state is one that the caller reads.
     *
     * @param oldest first version that it reads
     * @param newest last version that it reads
     * @throws BackendException {@code EINVAL} for another model or kind, {@code EPROTONOSUPPORT} for another version
     */
    public SnapshotReader require(IommuModel model, Snapshot.Kind kind, int oldest, int newest) {
        if (snapshot.model() != model || snapshot.kind() != kind) {
            throw new BackendException(Errno.EINVAL, snapshot + " is not " + model + " " + kind);
        }
        if (version() < oldest || version() > newest) {
            throw new BackendException(
                    Errno.EPROTONOSUPPORT, "state version " + version() + " is not in " + oldest + ".." + newest);
        }
        return this;
    }

    /** True if the state has that section. */
    public boolean has(String section) {
        return sections.containsKey(section);
    }

    /**
     * Goes to the start of a section.
     *
     * @throws BackendException {@code EINVAL} if the state does not have it
     */
    public SnapshotReader section(String section) {
        ByteBuffer content = sections.get(section);
        if (content == null) {
            throw new BackendException(
                    Errno.EINVAL,
                    "state has no section " + section + "; it has " + String.join(", ", sections.keySet()));
        }
        name = section;
        current = content.rewind();
        return this;
    }

    /**
     * Reads a section from its start to its end.
     *
     * @throws BackendException {@code EINVAL} if the state does not have it, or bytes of it are left
     */
    public SnapshotReader section(String section, Consumer<SnapshotReader> content) {
        content.accept(section(section));
        endSection();
        return this;
    }

    /** 8 bits, unsigned. */
    public int getByte() {
        need(Byte.BYTES, "byte");
        return Byte.toUnsignedInt(current.get());
    }

    /** A truth value. */
    public boolean getBoolean() {
        int value = getByte();
        if (value > 1) {
            throw damaged(current.position() - Byte.BYTES, "boolean " + value);
        }
        return value == 1;
    }

    /** 32 bits. */
    public int getInt() {
        need(Integer.BYTES, "int");
        return current.getInt();
    }

    /** 64 bits. */
    public long getLong() {
        need(Long.BYTES, "long");
        return current.getLong();
    }

    /** 32 bits that count something, 0 to {@code max}. */
    public int getCount(int max) {
        int value = getInt();
        if (value < 0 || value > max) {
            throw damaged(current.position() - Integer.BYTES, "count " + value + " of at most " + max);
        }
        return value;
    }

    /**
     * 32 bits that number one of several, 0 to {@code limit - 1}.
     *
     * @param what is numbered, for the error
     */
    public int getIndex(int limit, String what) {
        int value = getInt();
        if (value < 0 || value >= limit) {
            throw damaged(current.position() - Integer.BYTES, what + " " + value + " of " + limit);
        }
        return value;
    }

    /**
     * 64 bits that are the physical address of a page of 4,096 bytes.
     *
     * @param what is there, for the error
     */
    public long getPage(String what) {
        long address = getLong();
        if (address < 0 || (address & PAGE_OFFSET) != 0) {
            throw damaged(current.position() - Long.BYTES, what + " at 0x" + Long.toHexString(address));
        }
        return address;
    }

    /** Bytes that were put with their number. */
    public byte[] getBytes() {
        ByteBuffer content = slice(getInt(), "bytes");
        byte[] bytes = new byte[content.remaining()];
        content.get(bytes);
        return bytes;
    }

    /** Words that were put with their number. */
    public long[] getLongs() {
        long[] words = new long[getCount(current.remaining() / Long.BYTES)];
        for (int i = 0; i < words.length; i++) {
            words[i] = current.getLong();
        }
        return words;
    }

    /** A text. */
    public String getString() {
        int at = current.position();
        return text(slice(getInt(), "text"), at);
    }

    /** Values that were put with their names, 256 at most. */
    public Map<String, Long> getNamedLongs() {
        Map<String, Long> values = new HashMap<>();
        int count = getCount(MAX_NAMED);
        for (int i = 0; i < count; i++) {
            String key = getString();
            values.put(key, getLong());
        }
        return values;
    }

    /** Texts that were put with their names, 256 at most. */
    public Map<String, String> getNamedStrings() {
        Map<String, String> texts = new HashMap<>();
        int count = getCount(MAX_NAMED);
        for (int i = 0; i < count; i++) {
            String key = getString();
            texts.put(key, getString());
        }
        return texts;
    }

    /** A constant that was put by its name. */
    public <E extends Enum<E>> E getConstant(Class<E> type) {
        int at = current.position();
        String constant = getString();
        for (E value : type.getEnumConstants()) {
            if (value.name().equals(constant)) {
                return value;
            }
        }
        throw damaged(at, type.getSimpleName() + " " + constant);
    }

    /** Bytes of the section that were not read yet. */
    public int remaining() {
        return current.remaining();
    }

    /**
     * Checks that the section was read to its end.
     *
     * @throws BackendException {@code EINVAL} if bytes are left
     */
    public void endSection() {
        if (current.hasRemaining()) {
            throw damaged(current.position(), current.remaining() + " bytes that nobody reads");
        }
    }

    /**
     * The error for values that were read and make no sense: names the section and where reading stopped.
     *
     * @param what is wrong: field, value and limit
     */
    public BackendException invalid(String what) {
        return damaged(current.position(), what);
    }

    private ByteBuffer slice(int length, String what) {
        if (length < 0 || length > current.remaining()) {
            throw damaged(current.position(), what + " of " + length + " bytes, " + current.remaining() + " are left");
        }
        ByteBuffer content = current.slice(current.position(), length);
        current.position(current.position() + length);
        return content;
    }

    private String text(ByteBuffer content, int at) {
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(content).toString();
        } catch (CharacterCodingException e) {
            throw new BackendException(Errno.EINVAL, "state section " + name + " at " + at + ": not UTF-8", e);
        }
    }

    private void need(int bytes, String what) {
        if (current.remaining() < bytes) {
            throw damaged(current.position(), what + " cut off");
        }
    }

    private BackendException damaged(int at, String what) {
        return new BackendException(Errno.EINVAL, "state section " + name + " at " + at + ": " + what);
    }
}
