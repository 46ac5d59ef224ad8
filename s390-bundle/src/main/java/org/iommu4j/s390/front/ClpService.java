package org.iommu4j.s390.front;

import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.layout.Words;
import org.iommu4j.s390.command.Clp;
import org.iommu4j.s390.command.ProgramInterruption;
import org.iommu4j.s390.command.ZpciCapabilities;
import org.iommu4j.s390.command.ZpciInstruction;
import org.iommu4j.s390.command.ZpciSettings;

/**
 * CLP for PCI, docs/spec/s390-zpci.md 2.8: list, query function, query group, set function. Store characteristics is
 * not modelled.
 */
final class ClpService {
    /** Longest request, and longest response. */
    private static final int MOST_REQUEST = 8184;

    private static final int MOST_RESPONSE = 8176;
    private static final int GRANULE_MASK = 7;
    private static final int LIST_HEADER_BYTES = 32;

    /** Words of the measurement block: up to its count of refreshes. */
    private static final int FMB_WORDS = 12;

    /** The response code in a header. */
    private static final int CODE_OFFSET = 2;

    private static final int CODE_BYTES = 2;

    private static final long FORMAT_WORD_MASK = 0xffff_ffffL;

    private final PciFacility facility;
    private final ZpciCapabilities unit;
    private final PhysicalMemory memory;

    ClpService(PciFacility facility, ZpciCapabilities unit, PhysicalMemory memory) {
        this.facility = facility;
        this.unit = unit;
        this.memory = memory;
    }

    /** Executes the request of a block; the answer is the condition code, or a negated program interruption. */
    int execute(long block) {
        try {
            byte[] header = new byte[Clp.HEADER_BYTES];
            memory.read(block, header, 0, header.length);
            int requestBytes = Clp.Header.LENGTH.getInt(Clp.Header.LAYOUT.word(header, 0, 0));
            if (requestBytes < Clp.HEADER_BYTES || requestBytes > MOST_REQUEST || (requestBytes & GRANULE_MASK) != 0) {
                return -ProgramInterruption.OPERAND;
            }
            byte[] behind = new byte[Long.BYTES];
            memory.read(block + requestBytes, behind, 0, behind.length);
            int responseBytes = (behind[0] & 0xff) << Byte.SIZE | (behind[1] & 0xff);
            if (responseBytes < Long.BYTES
                    || responseBytes > MOST_RESPONSE
                    || (responseBytes & GRANULE_MASK) != 0
                    || requestBytes + responseBytes > Clp.MOST_BYTES) {
                return -ProgramInterruption.OPERAND;
            }
            if (!memory.contains(block, (long) requestBytes + responseBytes)) {
                return -ProgramInterruption.ADDRESSING;
            }
            byte[] response = requestBytes == Clp.REQUEST_BYTES ? answer(block, responseBytes) : code(Clp.LENGTH);
            long at = block + requestBytes + (response.length == CODE_BYTES ? CODE_OFFSET : 0);
            memory.write(at, response, 0, Math.min(response.length, responseBytes));
            return ZpciInstruction.DONE;
        } catch (BusErrorException e) {
            return -ProgramInterruption.ADDRESSING;
        }
    }

    private byte[] answer(long block, int responseBytes) {
        byte[] bytes = new byte[Clp.REQUEST_BYTES];
        memory.read(block, bytes, 0, bytes.length);
        long[] request = Clp.Request.LAYOUT.decode(bytes, 0);
        int command = Clp.Request.COMMAND.getInt(request[0]);
        if (command < Clp.LIST || command > Clp.SET_FUNCTION) {
            return code(Clp.UNKNOWN_COMMAND);
        }
        if (Clp.Request.FORMAT.isSet(request[0])) {
            return code(Clp.FORMAT);
        }
        if ((request[0] & FORMAT_WORD_MASK & ~Clp.Request.FORMAT.mask()) != 0 || request[1] != 0) {
            return code(Clp.RESERVED_NOT_ZERO);
        }
        return switch (command) {
            case Clp.LIST -> list(request, responseBytes);
            case Clp.QUERY_FUNCTION -> queryFunction(request);
            case Clp.QUERY_GROUP -> queryGroup(request);
            default -> setFunction(request);
        };
    }

    /** Functions from the token on, as many as there is room for; the token is one more than an index. */
    private byte[] list(long[] request, int responseBytes) {
        if (request[3] != 0) {
            return code(Clp.RESERVED_NOT_ZERO);
        }
        if (responseBytes < LIST_HEADER_BYTES + Clp.ListEntry.BYTES) {
            return code(Clp.LARGER_BLOCK);
        }
        if ((responseBytes - LIST_HEADER_BYTES) % Clp.ListEntry.BYTES != 0) {
            return code(Clp.LENGTH);
        }
        PciFunction[] functions = facility.functions();
        long token = request[2];
        if (Long.compareUnsigned(token, functions.length) >= 0) {
            return code(Clp.RESUME_TOKEN);
        }
        int room = (responseBytes - LIST_HEADER_BYTES) / Clp.ListEntry.BYTES;
        byte[] entries = new byte[room * Clp.ListEntry.BYTES];
        int count = 0;
        int next = (int) token;
        for (; next < functions.length && count < room; next++) {
            PciFunction function = functions[next];
            if (function.state() != FunctionState.RESERVED) {
                byte[] entry = Clp.ListEntry.LAYOUT.encode(
                        Clp.ListEntry.CONFIGURED.of(function.state() == FunctionState.STANDBY ? 0 : 1),
                        Clp.ListEntry.FID.of(function.index())
                                | Clp.ListEntry.FH.of(Integer.toUnsignedLong(function.handle())));
                System.arraycopy(entry, 0, entries, count++ * Clp.ListEntry.BYTES, entry.length);
            }
        }
        int length = LIST_HEADER_BYTES + count * Clp.ListEntry.BYTES;
        byte[] head = Clp.ListResponse.LAYOUT.encode(
                Clp.Header.of(length, Clp.OK),
                0,
                next < functions.length ? next : 0,
                Clp.ListResponse.MAX_FN.of(functions.length & 0xffff)
                        | Clp.ListResponse.ENTRY_SIZE.of(Clp.ListEntry.BYTES));
        byte[] response = new byte[length];
        System.arraycopy(head, 0, response, 0, head.length);
        System.arraycopy(entries, 0, response, head.length, count * Clp.ListEntry.BYTES);
        return response;
    }

    private byte[] queryFunction(long[] request) {
        if ((request[2] & ~Clp.Request.FH.mask()) != 0 || request[3] != 0) {
            return code(Clp.RESERVED_NOT_ZERO);
        }
        PciFunction function = facility.find(Clp.Request.FH.getInt(request[2]));
        if (function == null || function.state() == FunctionState.RESERVED) {
            return code(Clp.HANDLE);
        }
        return Words.of(Clp.FunctionResponse.LAYOUT)
                .set(Clp.FunctionResponse.LENGTH, Clp.FunctionResponse.LAYOUT.sizeBytes())
                .set(Clp.FunctionResponse.CODE, Clp.OK)
                .set(Clp.FunctionResponse.VFN, unit.value(ZpciSettings.VFN))
                .set(Clp.FunctionResponse.PFGID, unit.group())
                .set(Clp.FunctionResponse.PCHID, unit.value(ZpciSettings.PCHID))
                .set(Clp.FunctionResponse.PORT, unit.value(ZpciSettings.PORT))
                .set(Clp.FunctionResponse.PFT, unit.value(ZpciSettings.PFT))
                .set(Clp.FunctionResponse.FID, function.index())
                .set(Clp.FunctionResponse.FMB_LENGTH, FMB_WORDS)
                .set(Clp.FunctionResponse.SDMA, unit.sdma())
                .set(Clp.FunctionResponse.EDMA, unit.edma())
                .set(Clp.FunctionResponse.UID, function.index())
                .encode();
    }

    private byte[] queryGroup(long[] request) {
        if ((request[2] & ~Clp.GroupRequest.PFGID.mask()) != 0 || request[3] != 0) {
            return code(Clp.RESERVED_NOT_ZERO);
        }
        if (Clp.GroupRequest.PFGID.getInt(request[2]) != unit.group()) {
            return code(Clp.UNKNOWN_GROUP);
        }
        return Words.of(Clp.GroupResponse.LAYOUT)
                .set(Clp.GroupResponse.LENGTH, Clp.GroupResponse.LAYOUT.sizeBytes())
                .set(Clp.GroupResponse.CODE, Clp.OK)
                .set(Clp.GroupResponse.NOI, unit.value(ZpciSettings.NOI))
                .set(Clp.GroupResponse.VERSION, unit.value(ZpciSettings.VERSION))
                .set(Clp.GroupResponse.RTR, unit.relaxed() ? 1 : 0)
                .set(Clp.GroupResponse.FRAME, unit.value(ZpciSettings.FRAME))
                .set(Clp.GroupResponse.REFRESH, unit.refresh() ? 1 : 0)
                .set(Clp.GroupResponse.MAXSTBL, unit.value(ZpciSettings.MAXSTBL))
                .set(Clp.GroupResponse.MUI, unit.value(ZpciSettings.MUI))
                .set(Clp.GroupResponse.DTSM, unit.dtsm())
                .set(Clp.GroupResponse.DASM, unit.value(ZpciSettings.MASK))
                .set(Clp.GroupResponse.MSIA, unit.value(ZpciSettings.MSIA))
                .encode();
    }

    private byte[] setFunction(long[] request) {
        long legal = Clp.Request.FH.mask() | Clp.Request.OC.mask() | Clp.Request.NDAS.mask();
        if ((request[2] & ~legal) != 0 || (request[3] & ~Clp.Request.GISA.mask()) != 0) {
            return code(Clp.RESERVED_NOT_ZERO);
        }
        PciFunction function = facility.find(Clp.Request.FH.getInt(request[2]));
        if (function == null || function.state() == FunctionState.RESERVED) {
            return code(Clp.HANDLE);
        }
        if (function.state() == FunctionState.PERMANENT_ERROR) {
            return code(Clp.PERMANENT_ERROR);
        }
        boolean enabled = function.state().hasEnabledHandle();
        int spaces = Clp.Request.NDAS.getInt(request[2]);
        switch (Clp.Request.OC.getInt(request[2])) {
            case Clp.ENABLE -> {
                if (spaces == 0) {
                    return code(Clp.DMA_SPACES);
                }
                if (spaces > 1) {
                    return code(Clp.RESOURCES);
                }
                if (enabled || function.state() == FunctionState.STANDBY) {
                    return code(Clp.HANDLE_OPERATION);
                }
                facility.enable(function, Clp.Request.GISA.getInt(request[3]));
            }
            case Clp.DISABLE -> {
                if (!enabled) {
                    return code(Clp.HANDLE_OPERATION);
                }
                if (facility.disable(function) != AddressTranslation.DONE) {
                    return code(Clp.BUSY);
                }
            }
            default -> {
                return code(Clp.HANDLE_OPERATION);
            }
        }
        return Clp.SetResponse.LAYOUT.encode(
                Clp.Header.of(Clp.SetResponse.LAYOUT.sizeBytes(), Clp.OK),
                0,
                Clp.SetResponse.FH.of(Integer.toUnsignedLong(function.handle())),
                0);
    }

    /** An answer that is a code alone: the rest of the response stays as it was given, its length too. */
    private static byte[] code(int responseCode) {
        return new byte[] {(byte) (responseCode >>> Byte.SIZE), (byte) responseCode};
    }
}
