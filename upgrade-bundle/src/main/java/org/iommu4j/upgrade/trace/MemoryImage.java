package org.iommu4j.upgrade.trace;

import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.iommu4j.upgrade.CaptureException;

/**
 * Memory of a stopped guest in a file: as it is, from some address on, or an ELF core whose segments say where they belong.
 * Pages are read when they are asked for.
 */
final class MemoryImage implements Closeable {
    static final int PAGE_BYTES = 4096;

    // Of ELF-64, System V ABI chapters 4 and 5: offsets in the header of the file and in a program header.
    private static final int HEADER_BYTES = 64;
    private static final int CLASS_AT = 4;
    private static final int CLASS_64 = 2;
    private static final int DATA_AT = 5;
    private static final int LITTLE_ENDIAN = 1;
    private static final int PROGRAM_HEADERS_AT = 32;
    private static final int SECTION_HEADERS_AT = 40;
    private static final int ENTRY_BYTES_AT = 54;
    private static final int ENTRIES_AT = 56;
    private static final int PROGRAM_HEADER_BYTES = 56;
    private static final int LOAD = 1;
    private static final int OFFSET_AT = 8;
    private static final int ADDRESS_AT = 24;
    private static final int LENGTH_AT = 32;

    /** Number of program headers that says: the first section header has it. */
    private static final int MANY = 0xffff;

    private static final int SECTION_INFO_AT = 44;
    private static final int MOST_SEGMENTS = 1 << 16;

    private final String name;
    private final FileChannel file;
    private final List<Segment> segments = new ArrayList<>();

    private record Segment(long pa, long bytes, long offset) {}

    /**
     * Opens an image.
     *
     * @param base address of the first byte of a file that is memory as it is; an ELF core says it itself
     * @throws CaptureException if it cannot be read, or is of a form that is not
     */
    MemoryImage(Path path, long base) {
        name = path.toString();
        if (!Files.isRegularFile(path)) {
            throw wrong("is not a file");
        }
        try {
            file = FileChannel.open(path);
        } catch (IOException e) {
            throw unreadable(e);
        }
        try {
            String magic = new String(bytes(0, (int) Math.min(8, file.size())).array(), StandardCharsets.ISO_8859_1);
            if (magic.startsWith("KDUMP")) {
                throw wrong("is a compressed dump (kdump); write it without -z, -l and -s");
            }
            if (magic.startsWith("PAGEDU")) {
                throw wrong("is a Windows dump; write it without -w");
            }
            if (magic.startsWith("\u007fELF")) {
                elf();
            } else {
                segments.add(new Segment(base, file.size(), 0));
            }
        } catch (IOException e) {
            close();
            throw unreadable(e);
        } catch (CaptureException e) {
            close();
            throw e;
        }
    }

    private void elf() throws IOException {
        ByteBuffer header = bytes(0, HEADER_BYTES);
        if (header.get(CLASS_AT) != CLASS_64 || header.get(DATA_AT) != LITTLE_ENDIAN) {
            throw wrong("is an ELF file of another kind than 64 bits, little endian");
        }
        long at = header.getLong(PROGRAM_HEADERS_AT);
        int size = Short.toUnsignedInt(header.getShort(ENTRY_BYTES_AT));
        long count = Short.toUnsignedInt(header.getShort(ENTRIES_AT));
        if (count == MANY) {
            count = Integer.toUnsignedLong(bytes(header.getLong(SECTION_HEADERS_AT) + SECTION_INFO_AT, Integer.BYTES)
                    .getInt(0));
        }
        if (size < PROGRAM_HEADER_BYTES || count > MOST_SEGMENTS) {
            throw wrong("has program headers of " + size + " bytes, " + count + " of them");
        }
        for (int i = 0; i < count; i++) {
            ByteBuffer segment = bytes(at + (long) i * size, PROGRAM_HEADER_BYTES);
            if (segment.getInt(0) == LOAD && segment.getLong(LENGTH_AT) > 0) {
                segments.add(new Segment(
                        segment.getLong(ADDRESS_AT), segment.getLong(LENGTH_AT), segment.getLong(OFFSET_AT)));
            }
        }
        if (segments.isEmpty()) {
            throw wrong("has no memory in it");
        }
    }

    private ByteBuffer bytes(long offset, int length) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
        if (offset < 0) {
            throw new EOFException("it is cut");
        }
        while (bytes.hasRemaining()) {
            if (file.read(bytes, offset + bytes.position()) < 0) {
                throw new EOFException("it is cut");
            }
        }
        return bytes.flip();
    }

    private CaptureException wrong(String what) {
        return new CaptureException(name, 0, 0, "", what);
    }

    private CaptureException unreadable(IOException e) {
        return new CaptureException(name, 0, 0, "", "cannot be read: " + e.getMessage(), e);
    }

    /**
     * A page.
     *
     * @param pa multiple of {@link #PAGE_BYTES}
     * @return null if the image does not have it
     * @throws CaptureException if the file is cut
     */
    byte[] page(long pa) {
        return read(pa, PAGE_BYTES);
    }

    /** Bytes within one segment; null if the image does not have all of them. */
    byte[] read(long pa, int length) {
        for (Segment segment : segments) {
            long into = pa - segment.pa();
            if (into >= 0 && into <= segment.bytes() - length) {
                try {
                    return bytes(segment.offset() + into, length).array();
                } catch (IOException e) {
                    throw unreadable(e);
                }
            }
        }
        return null;
    }

    @Override
    public void close() {
        try {
            file.close();
        } catch (IOException e) {
            throw unreadable(e);
        }
    }
}
