package org.iommu4j.testing;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Function;
import org.iommu4j.contract.BindFormat;
import org.iommu4j.contract.CStruct;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.contract.Terms;
import org.iommu4j.contract.Uapi;

/** Makes legal and wrong requests of wire form 1 for one client. */
public final class RequestGenerator {
    private final Terms terms;
    private final RequestWriter writer;
    private final Function<SplittableRandom, byte[]> payload;
    private final List<BindFormat> binds = new ArrayList<>();

    /** Invalidations with random vendor parts of legal lengths. */
    public RequestGenerator(Terms terms) {
        this(terms, random -> randomPayload(terms, random));
    }

    /**
     * Invalidations with vendor parts of the vendor's making.
     *
     * @param payload makes a vendor part of a legal length
     */
    public RequestGenerator(Terms terms, Function<SplittableRandom, byte[]> payload) {
        this.terms = terms;
        this.payload = payload;
        writer = new RequestWriter(terms.abi(), terms.model(), terms.subVersion());
        for (int operation : new int[] {Uapi.BIND_PASIDTBL, Uapi.BIND_PASID, Uapi.BIND_PGTABLE}) {
            BindFormat format = terms.bindFormat(operation);
            if (format != null) {
                binds.add(format);
            }
        }
    }

    /** An invalidation that breaks none of the core's rules; one in four has more zero bytes than it needs. */
    public byte[] invalidate(SplittableRandom random) {
        int scope = random.nextInt(4);
        boolean selectsPasid = (scope & Uapi.SCOPE_PASID) != 0;
        boolean selectsRange = (scope & Uapi.SCOPE_VADDR) != 0;
        int flags = 0;
        if (!selectsPasid && random.nextBoolean()) {
            flags |= Uapi.FLAGS_NO_PASID;
        }
        if (selectsRange && random.nextBoolean()) {
            flags |= Uapi.FLAGS_VADDR_LEAF;
        }
        int pasid = selectsPasid ? random.nextInt(1 << (terms.pasidBits() == 0 ? 20 : terms.pasidBits())) : 0;
        long vaddr = 0;
        long size = 0;
        if (selectsRange) {
            int shift = terms.granuleShift();
            vaddr = random.nextLong() >>> random.nextInt(64) >>> shift << shift;
            long granulesLeft = ((-1L - vaddr) >>> shift) + 1;
            long granules = random.nextLong() >>> (1 + random.nextInt(62));
            size = (1 + (granulesLeft == 0 ? granules : Long.remainderUnsigned(granules, granulesLeft))) << shift;
            if (size == 0) {
                size = 1L << shift;
            }
        }
        byte[] request = writer.invalidate(scope, flags, pasid, vaddr, size, payload.apply(random));
        return random.nextInt(4) == 0 ? padded(request, random) : request;
    }

    /**
     * A bind or unbind that breaks none of the core's rules.
     *
     * @throws IllegalStateException if the terms specify no bind
     */
    public byte[] bind(SplittableRandom random) {
        if (binds.isEmpty()) {
            throw new IllegalStateException("no bind is specified for " + terms.model());
        }
        BindFormat format = binds.get(random.nextInt(binds.size()));
        long[] words = new LayoutGenerator(format.layout(), terms.subVersion(), capability -> true).legal(random);
        int flags = random.nextInt() & (format.vendorFlags() | Uapi.BIND_FLAG_UNBIND);
        return writer.bind(format.operation(), flags, format.layout().encode(words));
    }

    /** A request with one to three changes, legal before: fields, bits, length, bytes; it may still be legal. */
    public byte[] mutated(SplittableRandom random) {
        byte[] request = binds.isEmpty() || random.nextInt(4) != 0 ? invalidate(random) : bind(random);
        int changes = 1 + random.nextInt(3);
        for (int i = 0; i < changes; i++) {
            request = change(request, random);
        }
        return request;
    }

    private byte[] change(byte[] request, SplittableRandom random) {
        byte[] changed = request.clone();
        switch (random.nextInt(9)) {
            case 0 -> {
                if (changed.length > 0) {
                    changed[random.nextInt(changed.length)] ^= (byte) (1 << random.nextInt(8));
                }
            }
            case 1 -> changed = Arrays.copyOf(changed, random.nextInt(changed.length + 1));
            case 2 -> {
                int from = changed.length;
                changed = Arrays.copyOf(changed, from + 1 + random.nextInt(16));
                Arrays.fill(changed, from, changed.length, (byte) random.nextInt());
            }
            case 3 -> changed = resized(changed, random);
            default -> {
                List<CStruct.Field> fields = new ArrayList<>(Uapi.OPERATION_INFO.fields());
                fields.addAll(random.nextInt(4) == 0 ? Uapi.BIND_HEADER.fields() : Uapi.TLB_INVALIDATE.fields());
                CStruct.Field field = fields.get(random.nextInt(fields.size()));
                if (field.argumentOffset(terms.abi()) + field.bytes() <= changed.length) {
                    field.put(changed, 0, terms.abi(), special(field.get(changed, 0, terms.abi()), random));
                }
            }
        }
        return changed;
    }

    /** Another length of the vendor part, on which all three length fields agree. */
    private byte[] resized(byte[] request, SplittableRandom random) {
        int fixed = writer.invalidateBytes(0);
        if (request.length < fixed) {
            return request;
        }
        byte[] other = Arrays.copyOf(request, fixed + random.nextInt(80));
        Uapi.ARGSZ.put(other, 0, terms.abi(), other.length);
        Uapi.LENGTH.put(other, 0, terms.abi(), other.length - Uapi.DATA_OFFSET);
        Uapi.DATA_LENGTH.put(other, 0, terms.abi(), other.length - fixed);
        return other;
    }

    /** A value at which implementations tend to fail. */
    private static long special(long before, SplittableRandom random) {
        return switch (random.nextInt(8)) {
            case 0 -> 0;
            case 1 -> 1L << random.nextInt(64);
            case 2 -> -1L;
            case 3 -> before + 1;
            case 4 -> before - 1;
            case 5 -> -(1L + random.nextInt(128));
            case 6 -> random.nextInt(IommuModel.values().length);
            default -> random.nextLong();
        };
    }

    /** Zero bytes after the vendor part, after the data, or both. */
    private byte[] padded(byte[] request, SplittableRandom random) {
        int inner = random.nextInt(9);
        int outer = random.nextInt(9);
        byte[] longer = Arrays.copyOf(request, request.length + inner + outer);
        long length = Uapi.LENGTH.get(longer, 0, terms.abi());
        Uapi.LENGTH.put(longer, 0, terms.abi(), length + inner);
        Uapi.ARGSZ.put(longer, 0, terms.abi(), longer.length);
        return longer;
    }

    private static byte[] randomPayload(Terms terms, SplittableRandom random) {
        if (terms.payloadLengths().isEmpty()) {
            throw new IllegalStateException("no length of a vendor part is legal for " + terms.model());
        }
        List<Integer> lengths = terms.payloadLengths().stream().sorted().toList();
        int length = lengths.get(random.nextInt(lengths.size()));
        byte[] bytes = new byte[length >= 0 ? length : -length * (1 + random.nextInt(4))];
        random.nextBytes(bytes);
        return bytes;
    }
}
