package org.iommu4j.s390.command;

import static org.iommu4j.layout.FieldOption.about;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/**
 * Blocks of CLP for PCI, docs/spec/s390-zpci.md 2.8: a request of 32 bytes, behind it the response, whose length the
 * requester has filled in.
 */
public final class Clp {
    private static final String BLOCKS = "zPCI, docs/spec/s390-zpci.md 2.8";
    private static final String QUERIES = "zPCI, docs/spec/s390-zpci.md 6";

    // Commands.
    public static final int LIST = 2;
    public static final int QUERY_FUNCTION = 3;
    public static final int QUERY_GROUP = 4;
    public static final int SET_FUNCTION = 5;

    /** Bytes of every request. */
    public static final int REQUEST_BYTES = 32;

    /** Bytes of a block. */
    public static final int BLOCK_BYTES = 4096;

    /** Bytes of a header, of requests and responses. */
    public static final int HEADER_BYTES = 16;

    /** Longest request and response together. */
    public static final int MOST_BYTES = 8192;

    // Operations of SET_FUNCTION.
    public static final int ENABLE = 0;
    public static final int DISABLE = 1;

    // Response codes.
    public static final int OK = 0x10;
    public static final int UNKNOWN_COMMAND = 0x20;
    public static final int FORMAT = 0x40;
    public static final int LENGTH = 0x50;
    public static final int LARGER_BLOCK = 0x60;
    public static final int RESERVED_NOT_ZERO = 0x70;
    public static final int HANDLE = 0x101;
    public static final int HANDLE_OPERATION = 0x102;
    public static final int DMA_SPACES = 0x103;
    public static final int RESOURCES = 0x104;
    public static final int PERMANENT_ERROR = 0x106;
    public static final int BUSY = 0x108;
    public static final int RESUME_TOKEN = 0x10A;
    public static final int UNKNOWN_GROUP = 0x10B;

    /** Header of every request and response. */
    public static final class Header {
        private static final Layout.Builder HEADER = block("clp_header", 16, BLOCKS);
        public static final BitField LENGTH = HEADER.bits("length", 0, 15, about("bytes, header included"));
        public static final BitField CODE = HEADER.bits("code", 16, 31, about("command, or response code"));
        public static final BitField FORMAT = HEADER.bits("format", 32, 35, about("format; 0"));

        public static final Layout LAYOUT = HEADER.build();

        /** First word of a header. */
        public static long of(int length, int code) {
            return LENGTH.of(length) | CODE.of(code);
        }
    }

    /** A request, header included; each command reads its own fields. */
    public static final class Request {
        private static final Layout.Builder REQUEST = block("clp_request", 32, BLOCKS);
        public static final BitField LENGTH = REQUEST.bits("length", 0, 15, about("32"));
        public static final BitField COMMAND = REQUEST.bits("command", 16, 31, about("command"));
        public static final BitField FORMAT = REQUEST.bits("format", 32, 35, about("format; 0"));
        public static final BitField FH = REQUEST.bits("fh", 128, 159, about("function handle; of list, upper token"));
        public static final BitField OC = REQUEST.bits("oc", 176, 183, about("0 enable, 1 disable, 2 and 3 MIO"));
        public static final BitField NDAS = REQUEST.bits("ndas", 184, 191, about("DMA spaces"));
        public static final BitField GISA = REQUEST.bits("gisa", 224, 255, about("GISA designation"));

        public static final Layout LAYOUT = REQUEST.build();
    }

    /** Request of query group. */
    public static final class GroupRequest {
        private static final Layout.Builder REQUEST = block("clp_group_request", 32, QUERIES);
        public static final BitField LENGTH = REQUEST.bits("length", 0, 15, about("32"));
        public static final BitField COMMAND = REQUEST.bits("command", 16, 31, about("4"));
        public static final BitField PFGID = REQUEST.bits("pfgid", 152, 159, about("function group"));

        public static final Layout LAYOUT = REQUEST.build();
    }

    /** Response of list: this, then an entry of 16 bytes for each function. */
    public static final class ListResponse {
        private static final Layout.Builder RESPONSE = block("clp_list_response", 32, BLOCKS);
        public static final BitField LENGTH = RESPONSE.bits("length", 0, 15, about("bytes, entries included"));
        public static final BitField CODE = RESPONSE.bits("code", 16, 31, about("response code"));
        public static final BitField RESUME =
                RESPONSE.bits("resume_token", 128, 191, about("where the next list goes on; 0: at its end"));
        public static final BitField MAX_FN = RESPONSE.bits("max_fn", 224, 239, about("most functions"));
        public static final BitField ENTRY_SIZE = RESPONSE.bits("entry_size", 248, 255, about("16"));

        public static final Layout LAYOUT = RESPONSE.build();
    }

    /** Entry of a list. */
    public static final class ListEntry {
        private static final Layout.Builder ENTRY = block("clp_list_entry", 16, BLOCKS);
        public static final BitField DEVICE = ENTRY.bits("device_id", 0, 15, about("PCI device id"));
        public static final BitField VENDOR = ENTRY.bits("vendor_id", 16, 31, about("PCI vendor id"));
        public static final BitField CONFIGURED = ENTRY.bit("config_state", 32, about("configured"));
        public static final BitField FID = ENTRY.bits("fid", 64, 95, about("function id"));
        public static final BitField FH = ENTRY.bits("fh", 96, 127, about("function handle"));

        public static final Layout LAYOUT = ENTRY.build();

        /** Bytes of an entry. */
        public static final int BYTES = LAYOUT.sizeBytes();
    }

    /** Response of query function, docs/spec/s390-zpci.md 6. */
    public static final class FunctionResponse {
        private static final Layout.Builder RESPONSE = block("clp_function_response", 384, QUERIES);
        public static final BitField LENGTH = RESPONSE.bits("length", 0, 15, about("bytes"));
        public static final BitField CODE = RESPONSE.bits("code", 16, 31, about("response code"));
        public static final BitField VFN = RESPONSE.bits("vfn", 128, 143, about("virtual function number"));
        public static final BitField PFGID = RESPONSE.bits("pfgid", 152, 159, about("function group"));
        public static final BitField FID = RESPONSE.bits("fid", 160, 191, about("function id"));
        public static final BitField PCHID = RESPONSE.bits("pchid", 240, 255, about("physical channel id"));
        public static final BitField PORT = RESPONSE.bits("port", 484, 487, about("port"));
        public static final BitField FMB_LENGTH = RESPONSE.bits("fmbl", 496, 503, about("measurement block, words"));
        public static final BitField PFT = RESPONSE.bits("pft", 504, 511, about("type; 5: ISM"));
        public static final BitField SDMA = RESPONSE.bits("sdma", 512, 575, about("first DMA address"));
        public static final BitField EDMA = RESPONSE.bits("edma", 576, 639, about("last DMA address, inclusive"));
        public static final BitField UID = RESPONSE.bits("uid", 992, 1023, about("unique id"));

        public static final Layout LAYOUT = RESPONSE.build();
    }

    /** Response of query group, docs/spec/s390-zpci.md 6. */
    public static final class GroupResponse {
        private static final Layout.Builder RESPONSE = block("clp_group_response", 64, QUERIES);
        public static final BitField LENGTH = RESPONSE.bits("length", 0, 15, about("bytes"));
        public static final BitField CODE = RESPONSE.bits("code", 16, 31, about("response code"));
        public static final BitField NOI = RESPONSE.bits("noi", 132, 143, about("interrupts"));
        public static final BitField VERSION = RESPONSE.bits("version", 144, 151, about("version"));
        public static final BitField RTR = RESPONSE.bit("rtr", 154, about("relaxed translation: T may be 0"));

        /** Frame; its exact meaning is not public. */
        public static final BitField FRAME = RESPONSE.bit("frame", 158, about("frame"));

        public static final BitField REFRESH = RESPONSE.bit("refresh", 159, about("a new mapping needs RPCIT too"));
        public static final BitField MAXSTBL = RESPONSE.bits("maxstbl", 163, 175, about("longest store block"));
        public static final BitField MUI = RESPONSE.bits("mui", 176, 191, about("measurement interval, ms"));
        public static final BitField DTSM = RESPONSE.bits("dtsm", 192, 199, about("table types: 80 >> DT"));
        public static final BitField DASM = RESPONSE.bits("dasm", 256, 319, about("DMA address mask"));
        public static final BitField MSIA = RESPONSE.bits("msia", 320, 383, about("MSI address"));

        public static final Layout LAYOUT = RESPONSE.build();
    }

    /** Response of set function. */
    public static final class SetResponse {
        private static final Layout.Builder RESPONSE = block("clp_set_response", 32, BLOCKS);
        public static final BitField LENGTH = RESPONSE.bits("length", 0, 15, about("bytes"));
        public static final BitField CODE = RESPONSE.bits("code", 16, 31, about("response code"));
        public static final BitField FH = RESPONSE.bits("fh", 128, 159, about("the function's new handle"));

        public static final Layout LAYOUT = RESPONSE.build();
    }

    private Clp() {}

    /** A request to set a function. */
    public static byte[] setFunction(int handle, int operation) {
        return Request.LAYOUT.encode(
                Header.of(REQUEST_BYTES, SET_FUNCTION),
                0,
                Request.FH.of(Integer.toUnsignedLong(handle)) | Request.OC.of(operation) | Request.NDAS.of(1),
                0);
    }

    /** A request to query a function. */
    public static byte[] queryFunction(int handle) {
        return Request.LAYOUT.encode(
                Header.of(REQUEST_BYTES, QUERY_FUNCTION), 0, Request.FH.of(Integer.toUnsignedLong(handle)), 0);
    }

    /** A request to query a group. */
    public static byte[] queryGroup(int group) {
        return GroupRequest.LAYOUT.encode(Header.of(REQUEST_BYTES, QUERY_GROUP), 0, GroupRequest.PFGID.of(group), 0);
    }

    /**
     * A request to list the functions.
     *
     * @param resumeToken where the last list ended; 0 to begin
     */
    public static byte[] list(long resumeToken) {
        return Request.LAYOUT.encode(Header.of(REQUEST_BYTES, LIST), 0, resumeToken, 0);
    }

    private static Layout.Builder block(String name, int bytes, String spec) {
        return Layout.named(name).size(bytes * Byte.SIZE).bigEndian().msb0().spec(spec);
    }
}
