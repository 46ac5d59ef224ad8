package org.iommu4j.s390.command;

import static org.iommu4j.layout.FieldOption.about;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;
import org.iommu4j.layout.Words;

/**
 * Content of an error event (CCDF), as store event information gives it behind its header; docs/spec/s390-zpci.md 3.4, 32 bytes.
 *
 * <p>Which numbers the expected table type has, and that the read/write bit is one for a write, no public text says; here page
 * is 0, segment 1, region third 2, second 3, first 4.
 */
public final class ErrorRecord {
    private static final Layout.Builder RECORD =
            Layout.named("ccdf_error").size(256).bigEndian().msb0().spec("zPCI, docs/spec/s390-zpci.md 3.4");
    public static final BitField HANDLE = RECORD.bits("handle", 32, 63, about("function handle"));
    public static final BitField FID = RECORD.bits("fid", 64, 95, about("function id"));
    public static final BitField ETT = RECORD.bits("ett", 96, 99, about("expected table type"));
    public static final BitField MVN = RECORD.bits("mvn", 100, 111, about("MSI vector"));
    public static final BitField DMAAS = RECORD.bits("dmaas", 112, 119, about("DMA address space"));
    public static final BitField Q = RECORD.bit("q", 126, about("event qualifier"));
    public static final BitField RW = RECORD.bit("rw", 127, about("the access was a write"));
    public static final BitField FADDR = RECORD.bits("faddr", 128, 191, about("failing address"));

    /** Event code, see {@link EventCode}. */
    public static final BitField PEC = RECORD.bits("pec", 240, 255, about("event code"));

    public static final Layout LAYOUT = RECORD.build();

    /** Size of the record. */
    public static final int BYTES = LAYOUT.sizeBytes();

    private ErrorRecord() {}

    /** A record of what an access of a function ran into. */
    public static byte[] of(int handle, int fid, int expectedType, boolean write, long address, int code) {
        return Words.of(LAYOUT)
                .set(HANDLE, Integer.toUnsignedLong(handle))
                .set(FID, Integer.toUnsignedLong(fid))
                .set(ETT, expectedType)
                .set(RW, write ? 1 : 0)
                .set(FADDR, address)
                .set(PEC, code)
                .encode();
    }

    /** The event code of a record, of either kind; -1 for anything else. */
    public static int codeOf(byte[] record) {
        return record.length == BYTES ? PEC.getInt(LAYOUT.word(record, 0, PEC.word())) : -1;
    }
}
