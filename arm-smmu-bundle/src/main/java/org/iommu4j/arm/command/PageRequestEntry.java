package org.iommu4j.arm.command;

import static org.iommu4j.layout.FieldOption.about;

import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.PageRequest;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** Entry of the page request queue, IHI 0070 8; 16 bytes. */
public final class PageRequestEntry {
    private static final Layout.Builder ENTRY =
            Layout.named("PRI_entry").size(128).littleEndian().spec("IHI 0070 8");
    public static final BitField SID = ENTRY.bits("StreamID", 31, 0, about("StreamID"));
    public static final BitField SSID = ENTRY.bits("SubstreamID", 51, 32, about("SubstreamID"));
    public static final BitField PRIVILEGED = ENTRY.bit("Priv", 58, about("privileged"));
    public static final BitField EXECUTE = ENTRY.bit("X", 59, about("execute"));
    public static final BitField READ = ENTRY.bit("R", 60, about("read"));
    public static final BitField WRITE = ENTRY.bit("W", 61, about("write"));
    public static final BitField LAST = ENTRY.bit("Last", 62, about("last of its group"));
    public static final BitField SSV = ENTRY.bit("SSV", 63, about("SubstreamID valid"));
    public static final BitField PRG_INDEX = ENTRY.bits("PRGIndex", 72, 64, about("page request group"));
    public static final BitField PAGE = ENTRY.address("PageAddr", 127, 76, about("page asked for"));

    public static final Layout LAYOUT = ENTRY.build();

    /** Size of an entry. */
    public static final int BYTES = 16;

    /** The two words of a request's entry. */
    public static long[] encode(PageRequest request) {
        boolean withPasid = request.pasid() != DmaAccess.NO_PASID;
        long word0 = SID.of(Integer.toUnsignedLong(request.requester()))
                | PRIVILEGED.of(request.privileged() ? 1 : 0)
                | EXECUTE.of(request.execute() ? 1 : 0)
                | READ.of(request.read() ? 1 : 0)
                | WRITE.of(request.write() ? 1 : 0)
                | LAST.of(request.last() ? 1 : 0)
                | (withPasid ? SSV.mask() | SSID.of(request.pasid()) : 0);
        return new long[] {word0, PRG_INDEX.of(request.group()) | PAGE.get(request.address())};
    }

    /** The request of an entry. */
    public static PageRequest decode(long word0, long word1) {
        return new PageRequest(
                SID.getInt(word0),
                SSV.isSet(word0) ? SSID.getInt(word0) : DmaAccess.NO_PASID,
                PAGE.get(word1),
                READ.isSet(word0),
                WRITE.isSet(word0),
                EXECUTE.isSet(word0),
                PRIVILEGED.isSet(word0),
                LAST.isSet(word0),
                PRG_INDEX.getInt(word1));
    }

    private PageRequestEntry() {}
}
