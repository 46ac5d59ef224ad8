package org.iommu4j.itests;

import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;
import java.util.TreeSet;

/** The texts of a class file's constant pool: every name, descriptor and string constant in it (JVMS 17 §4.4). */
final class ClassFileNames {
    private static final int MAGIC = 0xCAFEBABE;

    private final String[] texts;
    private final int[] tags;
    private final int[] first;
    private final int[] second;

    private ClassFileNames(DataInputStream in) throws IOException {
        if (in.readInt() != MAGIC) {
            throw new IOException("not a class file");
        }
        in.readInt(); // minor and major version
        int count = in.readUnsignedShort();
        texts = new String[count];
        tags = new int[count];
        first = new int[count];
        second = new int[count];
        for (int i = 1; i < count; i++) {
            tags[i] = in.readUnsignedByte();
            switch (tags[i]) {
                case 1 -> texts[i] = in.readUTF();
                case 3, 4 -> in.readInt();
                case 5, 6 -> {
                    in.readLong();
                    i++; // a long or double takes two entries
                }
                case 7, 8, 16, 19, 20 -> first[i] = in.readUnsignedShort();
                case 9, 10, 11, 12, 17, 18 -> {
                    first[i] = in.readUnsignedShort();
                    second[i] = in.readUnsignedShort();
                }
                case 15 -> {
                    in.readUnsignedByte();
                    in.readUnsignedShort();
                }
                default -> throw new IOException("unknown constant pool tag " + tags[i]);
            }
        }
    }

    /**
     * All texts but the names of fields of one class.
     *
     * @param exemptOwner internal name of the class whose fields may be named
     */
    static Set<String> of(Path classFile, String exemptOwner) throws IOException {
        try (InputStream in = Files.newInputStream(classFile);
                DataInputStream data = new DataInputStream(in)) {
            return new ClassFileNames(data).except(exemptOwner);
        }
    }

    private Set<String> except(String exemptOwner) {
        Set<Integer> fieldsOfExempt = new HashSet<>();
        Set<Integer> otherMembers = new HashSet<>();
        for (int i = 1; i < tags.length; i++) {
            boolean member = tags[i] >= 9 && tags[i] <= 11;
            if (member && tags[i] == 9 && exemptOwner.equals(texts[first[first[i]]])) {
                fieldsOfExempt.add(second[i]);
            } else if (member || tags[i] == 17 || tags[i] == 18) {
                otherMembers.add(second[i]);
            }
        }
        // A text is exempt if it is named by such a field reference, and not also a member of something else.
        Set<Integer> exempt = new HashSet<>();
        for (int nameAndType : fieldsOfExempt) {
            exempt.add(first[nameAndType]);
        }
        for (int nameAndType : otherMembers) {
            exempt.remove(first[nameAndType]);
        }
        Set<String> names = new TreeSet<>();
        for (int i = 1; i < texts.length; i++) {
            if (texts[i] != null && !exempt.contains(i)) {
                names.add(texts[i]);
            }
        }
        return names;
    }
}
